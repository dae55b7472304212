import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  declareTopics,
  envelopeToHeaders,
  recordKey,
  type Configuration,
  type DocumentDeclaration,
  type EventLog,
  type FindResult,
  type LogRecord,
  type Operation,
  type RepeatIsSafe,
  type Target,
} from '#contracts';
import { readHistory, vouch } from '#db';
import { PostgresEventLog } from '#event-log';
import { clonedDatabase, given, type ClonedDatabase } from '#testing';
import { EXIT } from '../io.ts';
import { restoreVerbs } from './command.ts';
import type { Surroundings } from './surroundings.ts';

const declaration = (document: string, create: RepeatIsSafe, canFind: boolean): [string, DocumentDeclaration] => [
  document,
  {
    document,
    nature: 'state',
    schema: 'erp/sales-order',
    operations: new Set<Operation>(['create', 'update']),
    canFind,
    repeatIsSafe: { create },
    settleMs: 1_000,
    idIsKey: false,
  },
];

describe('crossdock restore', () => {
  let clone: ClonedDatabase;
  let printed: string[];
  let answers: Map<string, FindResult>;
  beforeEach(async () => {
    clone = await clonedDatabase();
    printed = [];
    answers = new Map();
  });
  afterEach(() => clone.close());

  const surroundings = (log?: EventLog): Surroundings => {
    const target: Target = {
      documents: new Map([
        declaration('salesOrder', 'look-first', true),
        declaration('task', 'never', false),
        declaration('payment', 'by-idempotency-key', false),
      ]),
      find: ({ key }) => Promise.resolve(answers.get(key) ?? { found: 'none', evidence: 'GET' }),
      write: () => Promise.reject(new Error('a report sends nothing')),
      close: () => Promise.resolve(),
    };
    return {
      database: clone.database,
      log,
      configuration: undefined as unknown as Configuration,
      targets: new Map([['main-erp', target]]),
      close: () => Promise.resolve(),
    };
  };
  const run = (verb: keyof typeof restoreVerbs, holdUpdates = false, log?: EventLog): Promise<number> => {
    printed = [];
    const io = { out: (text: string) => void printed.push(text), err: (text: string) => void printed.push(text) };
    return restoreVerbs[verb](surroundings(log), io, { verb, json: false, holdUpdates, lookDays: 30 });
  };
  const doubt = async (): Promise<void> => {
    await vouch(clone.database, undefined);
    await clone.database.query("update history set timeline = '00000000'");
    await vouch(clone.database, undefined);
    await clone.database.query("update history set doubted_at = doubted_at - interval '11 s'");
  };
  const waiting = async (recordId: string, document: string, bound = false): Promise<bigint> => {
    const event = await given.event(clone.database, { recordId, entity: 'order' });
    const id = await given.delivery(clone.database, event, { flow: 'orders', connection: 'main-erp', document });
    if (bound)
      await clone.database.query(
        `insert into xref (connection, document, key, target_id, bound_by) select connection, document, key, 'T-1', 't' from delivery where id = $1`,
        [id],
      );
    return id;
  };
  const statusOf = async (id: bigint): Promise<string> =>
    (await clone.database.query<{ status: string }>('select status from delivery where id = $1', [id]))[0]!.status;
  const keyOf = async (id: bigint): Promise<string> =>
    (await clone.database.query<{ key: string }>('select key from delivery where id = $1', [id]))[0]!.key;

  it('says that there is nothing to do while the database is trusted', async () => {
    expect(await run('status')).toBe(EXIT.ok);
    expect(printed.join()).toMatch(/trusted/);
    expect(await run('report')).toBe(EXIT.failed);
    expect(await run('accept')).toBe(EXIT.failed);
  });

  it('looks up what is not delivered, and holds for a person what can be neither repeated nor looked up', async () => {
    const there = await waiting('there', 'salesOrder');
    const absent = await waiting('absent', 'salesOrder');
    const bound = await waiting('bound', 'salesOrder', true);
    const never = await waiting('never', 'task');
    const repeatable = await waiting('repeatable', 'payment');
    answers.set(await keyOf(there), { found: 'one', targetId: 'SO-7', requestKeyMatches: false, evidence: 'GET' });
    await doubt();
    expect(await run('accept')).toBe(EXIT.failed); // nobody has looked yet
    expect(await run('report')).toBe(EXIT.ok);
    expect(printed.join('\n')).toMatch(
      /1 are at the target .* 1 are not there .* 1 are repeats .* 1 are updates, 1 cannot be looked up .* 0 looks failed/s,
    );
    expect(printed.join('\n')).toContain('SO-7');
    expect(await run('accept')).toBe(EXIT.ok);
    expect(await readHistory(clone.database)).toMatchObject({ state: 'trusted', generation: 1 });
    expect(await Promise.all([there, absent, bound, never, repeatable].map(statusOf))).toEqual([
      'PENDING',
      'PENDING',
      'PENDING',
      'HELD_REVIEW',
      'PENDING',
    ]);
    expect(await run('done')).toBe(EXIT.ok);
    expect((await readHistory(clone.database)).lookUntil).toBe(null);
  });

  it('holds updates too where it is told to', async () => {
    const bound = await waiting('bound', 'salesOrder', true);
    const fresh = await waiting('fresh', 'salesOrder');
    await doubt();
    await run('report');
    expect(await run('accept', true)).toBe(EXIT.ok);
    expect([await statusOf(bound), await statusOf(fresh)]).toEqual(['HELD_REVIEW', 'PENDING']);
  });

  it('does not go on after a look that failed', async () => {
    const id = await waiting('unclear', 'salesOrder');
    answers.set(await keyOf(id), { found: 'failed', message: '502', evidence: 'GET' });
    await doubt();
    expect(await run('report')).toBe(EXIT.partly);
    expect(await run('accept')).toBe(EXIT.failed);
    expect((await readHistory(clone.database)).state).toBe('doubted');
    answers.clear();
    expect(await run('report')).toBe(EXIT.ok);
    expect(await run('accept')).toBe(EXIT.ok);
  });

  it('puts back what only the event log still holds', async () => {
    const log = new PostgresEventLog({ database: clone.database });
    await log.ensureTopics(declareTopics([]));
    const known = await given.event(clone.database, { recordId: 'known', entity: 'order' });
    const event = (id: string, recordId: string): LogRecord => {
      const key = recordKey('acme', 'order', recordId);
      const headers = envelopeToHeaders({
        id,
        source: 'shop',
        type: 'crm.order.won',
        subject: recordId,
        time: new Date().toISOString(),
        dataschema: 'canonical/order',
        tenant: 'acme',
        partitionkey: key,
        aggregateversion: 4n,
        correlationid: id,
        hopcount: 0,
      });
      return { topic: 'crm.order.v1', key, value: Buffer.from('an order'), headers };
    };
    const lost = randomUUID();
    await log.append([event(known.eventId, 'known'), event(lost, 'lost')]);
    // as relay and mapper would: published, and wanted by no flow
    await clone.database.query('update relay_cursor set high = 1000000');
    for (const id of [known.eventId, lost])
      await clone.database.query(
        "insert into unrouted (event_id, source, entity, key) values ($1, 's', 'order', 'k')",
        [id],
      );
    await doubt();
    expect(await run('report', false, log)).toBe(EXIT.ok);
    expect(printed.join('\n')).toMatch(/1 events were not in the database; they are back in the outbox/);
    const rows = await clone.database.query<{ aggregateid: string; payload: Buffer }>(
      'select aggregateid, payload from outbox where event_id = $1',
      [lost],
    );
    expect(rows).toEqual([{ aggregateid: 'lost', payload: Buffer.from('an order') }]);
    expect(await run('report', false, log)).toBe(EXIT.ok);
    expect(printed.join('\n')).toMatch(/0 events were not in the database/);
    await log.close();
  });
});
