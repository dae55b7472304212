import { describe, expect, it } from '@jest/globals';
import type { DocumentDeclaration, FindResult, Operation, Target, WriteResult } from '#contracts';
import { lookBeforeCreate, type Window } from './look-before-create.ts';

const HOUR = 3_600_000;
const declaration = (changes: Partial<DocumentDeclaration> = {}): DocumentDeclaration => ({
  document: 'salesOrder',
  nature: 'state',
  schema: 'erp/sales-order',
  operations: new Set<Operation>(['create', 'update']),
  canFind: true,
  repeatIsSafe: { create: 'look-first' },
  settleMs: 10_000,
  idIsKey: false,
  ...changes,
});
const open: Window = { open: true, stoppedMs: HOUR, lostMs: HOUR };
const found: FindResult = { found: 'one', targetId: 'SO-1', requestKeyMatches: true, evidence: 'a look' };
const none: FindResult = { found: 'none', evidence: 'a look' };

/** Writes through a target that answers looks with `answer`; says what it was asked in which order. */
async function write(
  window: Window,
  answer: FindResult,
  changes: Partial<DocumentDeclaration> = {},
  operation: Operation = 'create',
): Promise<{ asked: string[]; result: WriteResult }> {
  const asked: string[] = [];
  const target: Target = {
    documents: new Map([['salesOrder', declaration(changes)]]),
    find: () => {
      asked.push('find');
      return Promise.resolve(answer);
    },
    write: () => {
      asked.push('write');
      return Promise.resolve({ outcome: 'done', targetId: 'SO-2' });
    },
    close: () => Promise.resolve(),
  };
  const result = await lookBeforeCreate(target, window).write({
    document: 'salesOrder',
    operation,
    key: 'acme:order:1',
    requestKey: 'r',
    body: '{}',
    signal: new AbortController().signal,
    onRequestStart: () => {},
  });
  return { asked, result };
}

describe('a create after a restore', () => {
  it('is sent as ever when there was no restore', async () => {
    expect((await write({ open: false, stoppedMs: undefined, lostMs: undefined }, found)).asked).toEqual(['write']);
  });

  it('is not sent when the target has it: it exists already', async () => {
    expect(await write(open, found)).toMatchObject({ asked: ['find'], result: { outcome: 'duplicate' } });
    const many: FindResult = { found: 'many', count: 2, evidence: 'a look' };
    expect(await write(open, many)).toMatchObject({ asked: ['find'], result: { outcome: 'duplicate' } });
  });

  it('is sent when the target does not have it and nothing can come late', async () => {
    expect((await write(open, none)).asked).toEqual(['find', 'write']);
  });

  it('is sent when the target has another fact under the same key, where all count', async () => {
    const each = { nature: 'fact', versions: 'each' } as const;
    expect((await write(open, { ...found, requestKeyMatches: false }, each)).asked).toEqual(['find', 'write']);
    expect((await write(open, found, each)).asked).toEqual(['find']);
  });

  it('is looked for as well when it is the reversal of a posting, by its own request key', async () => {
    const reversal = { nature: 'fact', versions: 'reversal', repeatIsSafe: { reverse: 'look-first' } } as const;
    expect((await write(open, found, reversal, 'reverse')).asked).toEqual(['find']);
    expect((await write(open, { ...found, requestKeyMatches: false }, reversal, 'reverse')).asked).toEqual([
      'find',
      'write',
    ]);
    const byId = { ...reversal, repeatIsSafe: { reverse: 'by-external-id' } } as const;
    expect((await write(open, found, byId, 'reverse')).asked).toEqual(['write']);
  });

  it('is sent without a look when it is a reversal that nothing shows: the look would find the posting itself', async () => {
    const reversal = { nature: 'fact', versions: 'reversal', repeatIsSafe: { reverse: 'never' } } as const;
    expect((await write(open, found, reversal, 'reverse')).asked).toEqual(['write']);
  });

  it('is looked for as well when a fact is written by an upsert that may not be repeated', async () => {
    const upsert = { nature: 'fact', versions: 'once', repeatIsSafe: { write: 'look-first' } } as const;
    expect((await write(open, found, upsert, 'write')).asked).toEqual(['find']);
    expect((await write(open, none, upsert, 'write')).asked).toEqual(['find', 'write']);
  });

  it('waits for the settle time of what was sent before', async () => {
    const early = { ...open, stoppedMs: 5_000 };
    expect(await write(early, none)).toMatchObject({ asked: ['find'], result: { outcome: 'retry', notSent: true } });
  });

  it('is not sent on a look that failed', async () => {
    const failed: FindResult = { found: 'failed', message: 'away', evidence: 'a look' };
    expect(await write(open, failed)).toMatchObject({ asked: ['find'], result: { outcome: 'retry', notSent: true } });
  });

  it('needs no look while the target itself knows a repeat, and one when it forgot our keys', async () => {
    const byKey = { repeatIsSafe: { create: 'by-idempotency-key' }, keyLifetimeMs: 24 * HOUR } as const;
    expect((await write(open, found, byKey)).asked).toEqual(['write']);
    const late = { ...open, lostMs: 24 * HOUR };
    expect((await write(late, found, byKey)).asked).toEqual(['find']);
    expect(await write(late, found, { ...byKey, canFind: false })).toMatchObject({
      asked: [],
      result: { outcome: 'rejected', errorClass: 'UNKNOWN_OUTCOME' },
    });
    expect((await write(late, found, { repeatIsSafe: { create: 'by-external-id' } })).asked).toEqual(['write']);
  });

  it('is not what updates and upserts are: repeating full state by a known id is harmless', async () => {
    expect((await write(open, found, {}, 'update')).asked).toEqual(['write']);
    expect((await write(open, found, {}, 'write')).asked).toEqual(['write']);
  });
});
