import type { DocumentDeclaration, Operation, RepeatIsSafe } from '#contracts';
import type { RestDocument } from './settings.ts';

export const OPERATIONS = ['write', 'create', 'update', 'cancel', 'reverse'] as const;

/** The two fields of each line that a reversal exchanges; undefined where a reversal is a request of its own, or none. */
export const swapOf = ({ reverse }: RestDocument): readonly [string, string] | undefined =>
  reverse !== undefined && 'swap' in reverse ? reverse.swap : undefined;

/** The request that an operation is; a reversal by swap is a create. */
export function requestOf(document: RestDocument, operation: Operation): RestDocument['create'] {
  if (operation !== 'reverse') return document[operation];
  const { reverse } = document;
  return reverse !== undefined && 'swap' in reverse ? document.create : reverse;
}

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
    reverseBySwap: swapOf(document),
  };
}

/**
 * One word per operation that exists. Update and cancel of a known id are full state and count as repeatable; a single
 * `look-first` leaves them so, because a look shows that a record is there, not what was done to it. A reversal by swap is
 * a create and repeats like one; of one with a request of its own a single `look-first` says nothing.
 */
export function repeatIsSafe(document: RestDocument): Partial<Record<Operation, RepeatIsSafe>> {
  const said = document.repeatIsSafe;
  const result: Partial<Record<Operation, RepeatIsSafe>> = {};
  for (const operation of OPERATIONS) {
    if (document[operation] === undefined) continue;
    const byId = operation === 'update' || operation === 'cancel';
    if (operation === 'reverse') {
      const as = swapOf(document) === undefined ? undefined : result.create;
      if (typeof said !== 'string') result.reverse = said.reverse ?? as;
      else if (said !== 'look-first' || as !== undefined) result.reverse = said;
      continue;
    }
    if (typeof said !== 'string') result[operation] = said[operation] ?? (byId ? 'by-external-id' : undefined);
    else result[operation] = byId && said === 'look-first' ? 'by-external-id' : said;
  }
  return result;
}
