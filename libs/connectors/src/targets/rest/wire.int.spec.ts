import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret, type SettingsValue, type Target, type WriteRequest } from '#contracts';
import { openTarget, parseTargetSettings } from '../../index.ts';

interface Seen {
  line: string;
  headers: IncomingHttpHeaders;
  body: string;
}

describe('what the rest target puts on the wire', () => {
  let server: Server;
  let target: Target | undefined;
  const seen: Seen[] = [];
  let answer: (response: ServerResponse) => void;

  beforeEach(async () => {
    seen.length = 0;
    answer = (response) => response.end('{"id":"7","ok":true}');
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
      request.on('end', () => {
        seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
        answer(response);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    await target?.close();
    target = undefined;
    server.close();
    await once(server, 'close');
  });

  const open = (document: { [name: string]: SettingsValue }, more: { [name: string]: SettingsValue } = {}): Target => {
    const { port } = server.address() as AddressInfo;
    const connection = {
      name: 'erp',
      connector: 'rest',
      side: 'target' as const,
      zone: 'UTC',
      idPrefix: '',
      settings: {
        baseUrl: `http://127.0.0.1:${port}/api`,
        documents: {
          order: { nature: 'state', schema: 'erp/order', id: '/id', repeatIsSafe: 'never', ...document },
        },
        ...more,
      },
      budget: { concurrency: 4 },
      timeoutMs: 5_000,
      retry: { ladderMs: [5_000], jitter: 0.2 },
      breaker: { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: 5_000 },
      allowPrivate: true,
    };
    const checked = parseTargetSettings(connection);
    if (!checked.ok) throw new Error(JSON.stringify(checked.findings));
    target = openTarget(connection, { sandbox: (path) => path });
    return target;
  };
  const request = (more: Partial<WriteRequest> = {}): WriteRequest => ({
    document: 'order',
    operation: 'create',
    key: 'acme:order:ä/7',
    requestKey: '6f1c:r2',
    body: '{"n":1.10}',
    signal: new AbortController().signal,
    onRequestStart: () => undefined,
    ...more,
  });
  const create = { method: 'POST', path: '/orders' };

  it('is the body as it is, with the request key in the header that was asked for', async () => {
    const erp = open({
      create,
      repeatIsSafe: 'by-idempotency-key',
      idempotencyHeader: 'X-Request-Id',
      keyLifetime: '1h',
    });
    expect(await erp.write(request())).toEqual({ outcome: 'done', targetId: '7', httpStatus: 200 });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      line: 'POST /api/orders',
      body: '{"n":1.10}',
      headers: { 'x-request-id': '6f1c:r2', 'content-type': 'application/json', accept: 'application/json' },
    });
  });

  it('has the request key in the path and in the body where they ask for it', async () => {
    const erp = open({
      create: { method: 'PUT', path: '/orders/eid:{requestKey}?k={key}' },
      repeatIsSafe: 'by-idempotency-key',
    });
    await erp.write(request({ body: '{"requestId":"$requestKey"}' }));
    expect(seen[0]).toMatchObject({
      line: 'PUT /api/orders/eid:6f1c%3Ar2?k=acme%3Aorder%3A%C3%A4%2F7',
      body: '{"requestId":"6f1c:r2"}',
    });
  });

  it('has neither body nor content type for an operation without one', async () => {
    const erp = open({ create, cancel: { method: 'DELETE', path: '/orders/{id}' } });
    answer = (response) => response.writeHead(204).end();
    const cancelled = await erp.write(request({ operation: 'cancel', targetId: 'SO 1', body: null }));
    expect(cancelled).toEqual({ outcome: 'done', targetId: undefined, httpStatus: 204 });
    expect(seen[0]!.line).toBe('DELETE /api/orders/SO%201');
    expect(seen[0]!.headers['content-type']).toBeUndefined();
  });

  it.each<[string, { [name: string]: SettingsValue }, object]>([
    ['bearer', { bearer: new Secret('t0k', 'test') }, { authorization: 'Bearer t0k' }],
    [
      'basic',
      { basic: { username: 'us', password: new Secret('p:ß', 'test') } },
      { authorization: `Basic ${Buffer.from('us:p:ß').toString('base64')}` },
    ],
    ['header', { header: { name: 'X-Api-Key', value: new Secret('k3y', 'test') } }, { 'x-api-key': 'k3y' }],
  ])('proves who we are by %s', async (_, auth, headers) => {
    const erp = open({ create }, { auth, probe: { path: '/health' } });
    await erp.probe!(new AbortController().signal);
    expect(seen[0]).toMatchObject({ line: 'GET /api/health', headers });
  });

  it('is nothing when there is nothing to put into the path', async () => {
    const erp = open({ create, update: { method: 'PUT', path: '/orders/{id}' } });
    const result = await erp.write(request({ operation: 'update', targetId: '..' }));
    expect(result).toMatchObject({ outcome: 'rejected', errorClass: 'VALUE' });
    expect(seen).toEqual([]);
  });

  it('fails loudly when asked for what is not declared', async () => {
    const erp = open({ create });
    await expect(erp.write(request({ operation: 'update' }))).rejects.toThrow('has no operation update');
    await expect(erp.write(request({ document: 'invoice' }))).rejects.toThrow('has no document type invoice');
    await expect(erp.find({ ...request() })).rejects.toThrow('has no find');
    expect(erp.probe).toBeUndefined();
  });

  it('sees a failure in an answer of 200', async () => {
    const erp = open({ create }, { success: { pointer: '/ok', equals: true }, reason: '/message' });
    answer = (response) => response.end('{"ok":false,"message":"period closed"}');
    expect(await erp.write(request())).toEqual({
      outcome: 'rejected',
      errorClass: 'VALUE',
      message: 'answered 200: period closed, as a failure',
      httpStatus: 200,
    });
  });

  it('holds no more of an answer than 10 MiB', async () => {
    const erp = open({ create, find: { path: '/orders/{key}', missing: 404 } });
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = (): void => void (response.writable && response.write(chunk, more));
      more();
    };
    expect(await erp.write(request())).toMatchObject({ outcome: 'in-doubt', httpStatus: 200 });
    expect(await erp.find(request())).toMatchObject({ found: 'failed' });
  });
});
