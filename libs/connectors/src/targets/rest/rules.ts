import type { Operation } from '#contracts';
import type { SettingsFinding } from '../../target-connector.ts';
import { OPERATIONS, repeatIsSafe, requestOf, swapOf } from './declare.ts';
import type { RestDocument, RestSettings } from './settings.ts';
import { placeholders } from './template.ts';

type Path = SettingsFinding['path'];

/** What must fit together in settings whose form is right. Every finding, not just the first. */
export function checkRules(settings: RestSettings): SettingsFinding[] {
  const findings = Object.entries(settings.documents).flatMap(([name, document]) =>
    checkDocument(['documents', name], document),
  );
  const probe = settings.probe && placeholders(settings.probe.path);
  if (probe !== undefined && probe.length > 0)
    findings.push({ path: ['probe', 'path'], message: 'the probe is asked without a record: no placeholders here' });
  return findings;
}

function checkDocument(at: Path, document: RestDocument): SettingsFinding[] {
  return [
    ...checkNature(at, document),
    ...checkOperations(at, document),
    ...checkFind(at, document),
    ...checkRepeat(at, document),
  ];
}

function* checkNature(at: Path, document: RestDocument): Generator<SettingsFinding> {
  const { nature, versions, reverse, create } = document;
  if (nature === 'state' && versions !== undefined)
    yield { path: [...at, 'versions'], message: 'versions is for facts: of a state the newest wins' };
  if (nature === 'fact' && versions === undefined)
    yield { path: at, message: 'versions must be said for a fact', suggestion: 'versions: once, reversal, or each' };
  if (versions === 'reversal' && reverse === undefined)
    yield {
      path: at,
      message: 'versions: reversal needs to know how a posting is reversed',
      suggestion: 'reverse: { swap: [debit, credit] }, or an operation',
    };
  if (versions !== 'reversal' && reverse !== undefined)
    yield {
      path: [...at, 'reverse'],
      message: 'reverse would never be used',
      suggestion: 'versions: reversal, which is for facts',
    };
  const swap = swapOf(document);
  if (swap === undefined) return;
  if (swap[0] === swap[1])
    yield { path: [...at, 'reverse', 'swap'], message: 'a field exchanged with itself reverses nothing' };
  if (create === undefined)
    yield { path: [...at, 'reverse'], message: 'a reversal by swap is a create of its own, and there is none' };
  if (document.statuses.reverse !== undefined)
    yield { path: [...at, 'statuses', 'reverse'], message: 'a reversal by swap is a create: statuses.create counts' };
}

function* checkOperations(at: Path, document: RestDocument): Generator<SettingsFinding> {
  const { write, create, update, find } = document;
  if (write === undefined && create === undefined)
    yield { path: at, message: 'neither write (an upsert by our key) nor create is there' };
  for (const name of ['create', 'update'] as const)
    if (write !== undefined && document[name] !== undefined)
      yield { path: [...at, name], message: `${name} would never be used: write is an upsert and does it` };
  if (document.nature === 'fact' && update !== undefined)
    yield { path: [...at, 'update'], message: 'a fact is never updated' };
  for (const name of ['write', 'create', 'find'] as const)
    if (placeholders(document[name]?.path ?? '')?.includes('id'))
      yield {
        path: [...at, name, 'path'],
        message: `{id} is the target's own id, which a ${name} does not have yet`,
        suggestion: 'use {key}',
      };
  if (find !== undefined && placeholders(find.path)?.length === 0 && find.match === undefined)
    yield { path: [...at, 'find', 'path'], message: 'find asks for no record', suggestion: 'use {key}' };
  for (const name of ['write', 'update', 'cancel', 'reverse'] as const)
    for (const [status, word] of document.statuses[name] ?? [])
      if (word === 'duplicate')
        yield { path: [...at, 'statuses', name, String(status)], message: 'duplicate applies to creates only' };
}

function* checkFind(at: Path, { find, nature }: RestDocument): Generator<SettingsFinding> {
  if (find === undefined) return;
  if (nature === 'fact' && find.matchRequest === undefined)
    yield {
      path: [...at, 'find'],
      message: 'find of a fact needs matchRequest: only what carries our request key was made by us',
      suggestion: 'matchRequest: /requestKey, or no find',
    };
  if (find.list !== undefined && find.match === undefined)
    yield {
      path: [...at, 'find'],
      message: 'with list, match is required: an API may ignore a filter, and then the first item is not ours',
      suggestion: 'match: /externalId',
    };
}

function* checkRepeat(at: Path, document: RestDocument): Generator<SettingsFinding> {
  const safe = repeatIsSafe(document);
  const { idempotencyHeader, keyLifetime, find, nature } = document;
  if (idempotencyHeader !== undefined && keyLifetime === undefined)
    yield {
      path: at,
      message: 'keyLifetime is required with idempotencyHeader: after it a repeat is a second effect',
      suggestion: 'keyLifetime: 24h',
    };
  for (const operation of OPERATIONS) {
    if (document[operation] === undefined) {
      if (typeof document.repeatIsSafe === 'object' && document.repeatIsSafe[operation] !== undefined)
        yield { path: [...at, 'repeatIsSafe', operation], message: `there is no ${operation}` };
      continue;
    }
    const path = [...at, 'repeatIsSafe'];
    const word = safe[operation];
    if (word === undefined)
      yield { path, message: `repeatIsSafe says nothing of ${operation}, and there is no default` };
    if (word === 'look-first') yield* checkLookFirst(path, operation, find, nature);
    if (word === 'by-idempotency-key' && !carriesRequestKey(document, operation))
      yield {
        path,
        message: `${operation} sends no idempotency key`,
        suggestion: 'idempotencyHeader: Idempotency-Key, {requestKey} in the path, or keyLifetime if it is in the body',
      };
  }
}

function* checkLookFirst(
  path: Path,
  operation: Operation,
  find: RestDocument['find'],
  nature: RestDocument['nature'],
): Generator<SettingsFinding> {
  if (operation === 'update' || operation === 'cancel' || (operation === 'write' && nature === 'state'))
    yield {
      path,
      message: `look-first is for creates: that a record is there does not show that this ${operation} was done`,
      ...(operation === 'write' ? { suggestion: 'by-external-id: an upsert by our key can be repeated' } : {}),
    };
  if (find === undefined) yield { path, message: 'look-first needs find' };
}

function carriesRequestKey(document: RestDocument, operation: Operation): boolean {
  if (document.idempotencyHeader !== undefined || document.keyLifetime !== undefined) return true;
  return placeholders(requestOf(document, operation)?.path ?? '')?.includes('requestKey') ?? false;
}
