import type { DocumentDeclaration, Operation, RepeatIsSafe } from '#contracts';
import type { RestDocument } from './settings.ts';

const OPERATIONS = ['write', 'create', 'update', 'cancel'] as const;

/** What delivery needs to know of one document type. */
export function declare(name: string, document: RestDocument, timeoutMs: number): DocumentDeclaration {
  return {
    document: name,
    nature: document.nature,
    versions: document.versions,
    schema: document.schema,
    operations: new Set(OPERATIONS.filter((operation) => document[operation] !== undefined)),
    canFind: document.find !== undefined,
    repeatIsSafe: repeatIsSafe(document),
    settleMs: document.settle ?? 2 * timeoutMs,
    keyLifetimeMs: document.keyLifetime,
    idIsKey: document.id === undefined,
  };
}

/**
 * One word per operation that exists. Update and cancel of a known id are full state and count as repeatable; a single
 * `look-first` leaves them so, because a look shows that a record is there, not what was done to it.
 */
export function repeatIsSafe(document: RestDocument): Partial<Record<Operation, RepeatIsSafe>> {
  const said = document.repeatIsSafe;
  const result: Partial<Record<Operation, RepeatIsSafe>> = {};
  for (const operation of OPERATIONS) {
    if (document[operation] === undefined) continue;
    const byId = operation === 'update' || operation === 'cancel';
    if (typeof said !== 'string') result[operation] = said[operation] ?? (byId ? 'by-external-id' : undefined);
    else result[operation] = byId && said === 'look-first' ? 'by-external-id' : said;
  }
  return result;
}
