import { CrossdockError, type Target } from '#contracts';
import { createHttp, type HttpRequest } from '#http';
import { defineTarget } from '../../target-connector.ts';
import { declare, requestOf, swapOf } from './declare.ts';
import { readFind } from './find.ts';
import { interpret } from './interpret.ts';
import { parseRestSettings } from './parse.ts';
import type { RestDocument } from './settings.ts';
import { fill, recordIdOf, withRequestKey } from './template.ts';

/**
 * The generic target: any system with an ordinary REST API, described by the connection's settings (configuration.md,
 * section 4). It asks and interprets; it neither retries, nor looks by itself, nor breaks circuits.
 */
export const rest = defineTarget({
  name: 'rest',
  contract: 1,
  parse: parseRestSettings,

  documents: (settings, { timeoutMs }) =>
    new Map(Object.entries(settings.documents).map(([name, each]) => [name, declare(name, each, timeoutMs)])),

  open(settings, connection, surroundings) {
    const inSandbox = settings.baseUrl.startsWith('sandbox:');
    const http = createHttp({
      baseUrl: inSandbox ? surroundings.sandbox(settings.baseUrl.slice('sandbox:'.length)) : settings.baseUrl,
      auth: settings.auth,
      timeoutMs: connection.timeoutMs,
      allowPrivate: connection.allowPrivate || inSandbox,
    });
    const documentOf = (name: string): RestDocument => {
      const document = settings.documents[name];
      if (document === undefined) throw unknown(`connection ${connection.name} has no document type ${name}`);
      return document;
    };
    const { probe } = settings;

    const target: Omit<Target, 'documents'> = {
      async write(request) {
        const document = documentOf(request.document);
        const operation = requestOf(document, request.operation);
        if (operation === undefined) throw unknown(`${request.document} has no operation ${request.operation}`);
        const path = fill(operation.path, {
          key: request.key,
          recordId: recordIdOf(request.key, connection.idPrefix),
          id: request.targetId,
          requestKey: request.requestKey,
        });
        if (path === undefined)
          return { outcome: 'rejected', errorClass: 'VALUE', message: `nothing usable to put into ${operation.path}` };
        const result = await http.request({
          method: operation.method,
          path,
          headers: headers(request.body, document.idempotencyHeader, request.requestKey),
          body: request.body === null ? null : withRequestKey(request.body, request.requestKey),
          signal: request.signal,
          onRequestStart: () => request.onRequestStart(),
        });
        const bySwap = request.operation === 'reverse' && swapOf(document) !== undefined;
        const as = bySwap ? 'create' : request.operation;
        return interpret({ settings, document, operation: as, key: request.key }, result, new Date());
      },

      async find(request) {
        const document = documentOf(request.document);
        const { find } = document;
        if (find === undefined) throw unknown(`${request.document} has no find`);
        const { key, requestKey } = request;
        const path = fill(find.path, { key, requestKey, recordId: recordIdOf(key, connection.idPrefix) });
        if (path === undefined)
          return { found: 'failed', message: `nothing usable to put into ${find.path}`, evidence: 'not asked' };
        const result = await http.request({
          method: find.method,
          path,
          headers: headers(null),
          signal: request.signal,
        });
        return readFind(find, document, { ...request, path }, result);
      },

      close: () => http.close(),
    };
    if (probe === undefined) return target;
    return {
      ...target,
      async probe(signal) {
        const result = await http.request({ method: probe.method, path: probe.path, headers: headers(null), signal });
        if (result.kind !== 'answered') return { ok: false, message: result.message };
        if (result.status >= 200 && result.status < 300) return { ok: true };
        return { ok: false, httpStatus: result.status, message: `the probe answered ${result.status}` };
      },
    };
  },
});

function headers(
  body: string | null,
  idempotencyHeader?: string,
  requestKey: string = '',
): NonNullable<HttpRequest['headers']> {
  return {
    accept: 'application/json',
    ...(body === null ? {} : { 'content-type': 'application/json' }),
    ...(idempotencyHeader === undefined ? {} : { [idempotencyHeader.toLowerCase()]: requestKey }),
  };
}

const unknown = (message: string): CrossdockError => new CrossdockError('CROSSDOCK_DELIVERY_UNDECLARED', message);
