import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  declareTopics,
  envelopeToHeaders,
  recordKey,
  type Configuration,
  type DeliveryStatus,
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

/** Posted in one piece, taken back by a reversal. */
const fact = (
  document: string,
  repeatIsSafe: DocumentDeclaration['repeatIsSafe'],
  canFind: boolean,
): [string, DocumentDeclaration] => [
  document,
  {
    document,
    nature: 'fact',
    versions: 'reversal',
    schema: 'finance/journal-entry',
    operations: new Set<Operation>(['create', 'reverse']),
    canFind,
    repeatIsSafe,
    settleMs: 1_000,
    idIsKey: false,
  },
];

describe('crossdock restore', () => {
  let clone: ClonedDatabase;
  let printed: string[];
  let answers: Map<string, FindResult>;
  /** request keys under which there was a look */
  let asked: string[];
  beforeEach(async () => {
    clone = await clonedDatabase();
    printed = [];
    answers = new Map();
    asked = [];
  });
  afterEach(() => clone.close());

  const surroundings = (log?: EventLog): Surroundings => {
    const target: Target = {
      documents: new Map([
        declaration('salesOrder', 'look-first', true),
        declaration('task', 'never', false),
        declaration('payment', 'by-idempotency-key', false),
        fact('entry', { create: 'never', reverse: 'never' }, false),
        fact('half', { create: 'by-external-id', reverse: 'never' }, true),
        fact('other-half', { create: 'never', reverse: 'by-external-id' }, false),
        fact('journalEntry', { create: 'look-first', reverse: 'look-first' }, true),
      ]),
      find: ({ key, requestKey }) => {
        asked.push(requestKey);
        return Promise.resolve(answers.get(requestKey) ?? answers.get(key) ?? { found: 'none', evidence: 'GET' });
      },
      write: () => Promise.reject(new Error('a report sends nothing')),
      close: () => Promise.resolve(),
    };
    return {
      database: clone.database,
      log,
      configuration: undefined as unknown as Configuration,
      targets: new Map([['main-erp', target]]),
      takeInMs: 0,
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
  /** As the backup holds it: what was in the way of it may be gone since. */
  const inStatus = async (
    recordId: string,
    document: string,
    status: DeliveryStatus,
    kind: 'document' | 'withdraw' = 'document',
  ): Promise<bigint> => {
    const event = await given.event(clone.database, { recordId, entity: 'order' });
    const id = await given.delivery(clone.database, event, {
      flow: 'orders',
      connection: 'main-erp',
      document,
      status,
    });
    const moves = status === 'HELD_PERIOD' || status === 'PARKED';
    await clone.database.query(
      `update delivery set kind = $2, error_class = case when status = 'PARKED' then 'CONNECTION' end,
         next_attempt_at = case when $3 then clock_timestamp() + interval '1 h' end where id = $1`,
      [id, kind, moves],
    );
    if (status === 'HELD_DEPENDENCY')
      await given.wait(clone.database, id, { connection: 'main-erp', kind: 'reference', name: 'customer', key: 'k' });
    if (status === 'IN_FLIGHT' || status === 'UNKNOWN')
      await clone.database.query('update lane set doubt = $1 where id = (select lane_id from delivery where id = $1)', [
        id,
      ]);
    return id;
  };
  /** Something of this record stands in the target as far as the database knows. */
  const posted = (id: bigint): Promise<unknown> =>
    clone.database.query(
      'update lane set posted = gen_random_uuid() where id = (select lane_id from delivery where id = $1)',
      [id],
    );
  const acceptAll = async (holdUpdates = false): Promise<void> => {
    await doubt();
    expect(await run('report')).toBe(EXIT.ok);
    expect(await run('accept', holdUpdates)).toBe(EXIT.ok);
  };
  const reviewOf = async (id: bigint): Promise<string | null> =>
    (await clone.database.query<{ review: string | null }>('select review from delivery where id = $1', [id]))[0]!
      .review;
  const documentIdOf = async (id: bigint): Promise<string> =>
    (await clone.database.query<{ id: string }>('select document_id as id from delivery where id = $1', [id]))[0]!.id;
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

  it('takes nothing of a state for acknowledged any more, and facts for posted as they were', async () => {
    const [state, fact] = [await waiting('held', 'salesOrder', true), await waiting('booked', 'entry')];
    await clone.database.query(
      `update lane set acknowledged = '\\x01' where id in (select lane_id from delivery where id = any($1))`,
      [[state, fact]],
    );
    await acceptAll();
    const kept = await clone.database.query<{ document: string }>(
      `select document from lane where acknowledged = '\\x01' and id in (select lane_id from delivery where id = any($1))`,
      [[state, fact]],
    );
    expect(kept).toEqual([{ document: 'entry' }]);
  });

  it('holds updates too where it is told to', async () => {
    const bound = await waiting('bound', 'salesOrder', true);
    const fresh = await waiting('fresh', 'salesOrder');
    await doubt();
    await run('report');
    expect(await run('accept', true)).toBe(EXIT.ok);
    expect([await statusOf(bound), await statusOf(fresh)]).toEqual(['HELD_REVIEW', 'PENDING']);
  });

  const UNSENT = [
    'PENDING',
    'RETRY_WAIT',
    'HELD_PERIOD',
    'PARKED',
    'HELD_DEPENDENCY',
    'HELD_APPROVAL',
    'HELD_CREDIT',
    'HELD_REVIEW',
  ] as const;

  it.each(UNSENT)(
    'holds for a person what the backup has as %s and nobody can look up, before it moves by itself',
    async (status) => {
      const task = await inStatus('task', 'task', status);
      const entry = await inStatus('entry', 'entry', status);
      await acceptAll();
      expect(printed.join()).toMatch(/2 deliveries are held for a person/);
      for (const id of [task, entry]) {
        expect(await statusOf(id)).toBe('HELD_REVIEW');
        expect(await reviewOf(id)).toMatch(/may be at the target/);
        // by which delivery knows that nothing newer of the record may go out meanwhile
        expect(await clone.database.query('select error_class from delivery where id = $1', [id])).toEqual([
          { error_class: 'UNKNOWN_OUTCOME' },
        ]);
      }
      expect(
        await clone.database.query(
          'select 1 from delivery where next_attempt_at is not null or waiting_for is not null',
        ),
      ).toEqual([]);
      expect(await clone.database.query('select 1 from dependency_wait')).toEqual([]);
    },
  );

  it.each(UNSENT)(
    'holds a withdrawal that the backup has as %s and whose reversal may be done already',
    async (status) => {
      const withdrawal = await inStatus('taken-back', 'entry', status, 'withdraw');
      const half = await inStatus('taken-back', 'half', status, 'withdraw'); // a look shows the posting, not what was done to it
      await posted(withdrawal);
      await posted(half);
      await doubt();
      expect(await run('report')).toBe(EXIT.ok);
      expect(printed.join('\n')).toMatch(/2 cannot be looked up and will be held/);
      expect(await run('accept')).toBe(EXIT.ok);
      expect([await statusOf(withdrawal), await statusOf(half)]).toEqual(['HELD_REVIEW', 'HELD_REVIEW']);
    },
  );

  it('holds a withdrawal behind a posting that it will take back once that is known', async () => {
    const posting = await inStatus('both', 'half', 'PENDING');
    const event = await given.event(clone.database, { recordId: 'both', entity: 'order', version: 2n });
    const withdrawal = await given.delivery(clone.database, event, {
      flow: 'orders',
      connection: 'main-erp',
      document: 'half',
    });
    await clone.database.query("update delivery set kind = 'withdraw' where id = $1", [withdrawal]);
    await acceptAll();
    expect([await statusOf(posting), await statusOf(withdrawal)]).toEqual(['PENDING', 'HELD_REVIEW']);
  });

  it('leaves alone a withdrawal of what was never posted: nothing is sent for it', async () => {
    const withdrawal = await inStatus('never-posted', 'entry', 'PENDING', 'withdraw');
    await acceptAll();
    expect(printed.join()).not.toMatch(/held for a person/);
    expect(await statusOf(withdrawal)).toBe('PENDING');
  });

  it('judges a correction by both of its requests: the reversal of the old posting and the new one', async () => {
    const reversesOnce = await inStatus('reverses-once', 'half', 'HELD_PERIOD');
    const postsOnce = await inStatus('posts-once', 'other-half', 'HELD_PERIOD');
    const first = await inStatus('first', 'half', 'HELD_PERIOD');
    await posted(reversesOnce);
    await posted(postsOnce);
    await acceptAll();
    expect(await Promise.all([reversesOnce, postsOnce, first].map(statusOf))).toEqual([
      'HELD_REVIEW',
      'HELD_REVIEW',
      'HELD_PERIOD', // nothing to reverse, and its posting may be repeated
    ]);
  });

  it('looks for a reversal under the key of the reversal, and takes no other posting of the record for it', async () => {
    const done = await inStatus('done', 'journalEntry', 'PENDING', 'withdraw');
    const open = await inStatus('open', 'journalEntry', 'PENDING', 'withdraw');
    for (const id of [done, open]) await posted(id);
    const [key, openKey] = [`${await documentIdOf(done)}:reversal`, `${await documentIdOf(open)}:reversal`];
    answers.set(key, { found: 'one', targetId: 'R-1', requestKeyMatches: true, evidence: 'GET' });
    answers.set(openKey, { found: 'one', targetId: 'J-1', requestKeyMatches: false, evidence: 'GET' });
    await doubt();
    expect(await run('report')).toBe(EXIT.ok);
    expect(asked.sort()).toEqual([key, openKey].sort());
    expect(printed.join('\n')).toMatch(/1 are at the target .* 1 are not there/);
    expect(printed.join('\n')).toContain('R-1');
    expect(printed.join('\n')).not.toContain('J-1');
  });

  it('looks for a corrected document under the key of its revision', async () => {
    const id = await inStatus('edited', 'journalEntry', 'PENDING');
    await clone.database.query('update delivery set revision = 3 where id = $1', [id]);
    await doubt();
    await run('report');
    expect(asked).toEqual([`${await documentIdOf(id)}:r3`]);
  });

  it.each(['IN_FLIGHT', 'UNKNOWN'] as const)(
    'leaves what is %s to be found out, and holds whatever of it would follow',
    async (status) => {
      const id = await inStatus('doubtful', 'other-half', status);
      await posted(id);
      await acceptAll();
      expect(printed.join()).toMatch(/1 deliveries are held for a person/);
      expect(await statusOf(id)).toBe(status);
      expect(await reviewOf(id)).toMatch(/may be at the target/); // what delivery reads before it plans another request
    },
  );

  it('parks an update in doubt where updates are held: the same bytes again would be older than the target', async () => {
    const ids: bigint[] = [];
    for (const status of ['IN_FLIGHT', 'UNKNOWN'] as const) {
      const id = await inStatus(`bound-${status}`, 'salesOrder', status);
      await clone.database.query(
        `insert into xref (connection, document, key, target_id, bound_by) select connection, document, key, 'T-1', 't' from delivery where id = $1`,
        [id],
      );
      ids.push(id);
    }
    await acceptAll(true);
    expect(await Promise.all(ids.map(statusOf))).toEqual(['PARKED', 'PARKED']);
    expect(await clone.database.query('select 1 from lane where doubt is null')).toEqual([]);
  });

  it('leaves what a person has to resolve as it is', async () => {
    const id = await inStatus('to-resolve', 'task', 'PARKED');
    await clone.database.query("update delivery set error_class = 'UNKNOWN_OUTCOME', next_attempt_at = null");
    await clone.database.query('update lane set doubt = $1', [id]);
    await acceptAll();
    expect(await statusOf(id)).toBe('PARKED');
  });

  it('says of dead letters that they stay dead, and asks no target about them', async () => {
    const id = await inStatus('dead', 'task', 'DEAD');
    const findable = await inStatus('dead', 'salesOrder', 'DEAD');
    await doubt();
    expect(await run('report')).toBe(EXIT.ok);
    expect(asked).toEqual([]);
    expect(printed.join('\n')).toMatch(/ 0 cannot be looked up .* 2 are dead letters/);
    expect(await run('accept')).toBe(EXIT.ok);
    expect([await statusOf(id), await statusOf(findable)]).toEqual(['DEAD', 'DEAD']);
  });

  it('adds its reason to the one for which a document is held already, once', async () => {
    const id = await inStatus('reviewed', 'task', 'HELD_REVIEW');
    await clone.database.query("update delivery set review = 'differs by 0.05'");
    await vouch(clone.database, undefined);
    await clone.database.query("update history set timeline = '00000000'");
    await vouch(clone.database, undefined);
    await run('report');
    await expect(run('accept')).rejects.toMatchObject({ code: 'CROSSDOCK_RESTORE_NOT_YET' }); // within 10 s of the doubt
    await clone.database.query("update history set doubted_at = doubted_at - interval '11 s'");
    expect(await run('accept')).toBe(EXIT.ok);
    expect(await reviewOf(id)).toMatch(/^differs by 0\.05; may be at the target[^;]*$/);
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

  it('does not go on while events are not taken in: nobody would look for what became of them', async () => {
    const missing = await given.event(clone.database, { recordId: 'late', entity: 'order' });
    await doubt();
    expect(await run('report')).toBe(EXIT.partly);
    expect(printed.join('\n')).toMatch(/not all of it is taken in yet \(crm\.order\.v1: 1\)/);
    expect(await run('accept')).toBe(EXIT.failed);
    expect(printed.join('\n')).toMatch(/not all of it is taken in yet \(crm\.order\.v1: 1\)/);
    expect((await readHistory(clone.database)).state).toBe('doubted');
    const task = { flow: 'orders', connection: 'main-erp', document: 'task', fanOut: 2 };
    const first = await given.delivery(clone.database, missing, task);
    expect(await run('accept')).toBe(EXIT.failed); // one of two
    const second = await given.delivery(clone.database, missing, { ...task, flow: 'tasks' });
    expect(await run('accept')).toBe(EXIT.ok);
    expect([await statusOf(first), await statusOf(second)]).toEqual(['HELD_REVIEW', 'HELD_REVIEW']);
  });

  it('does not go on while something received is no event yet, be it what a source has repeated', async () => {
    const { capturedId } = await given.captured(clone.database, { status: 'waiting', age: 60 });
    await doubt();
    expect(await run('report')).toBe(EXIT.ok); // nothing becomes an event before there is a report
    expect(await run('accept')).toBe(EXIT.failed);
    expect(printed.join('\n')).toMatch(/\(received: 1\)/);
    await clone.database.query("update captured set status = 'rejected' where id = $1", [capturedId]);
    expect(await run('accept')).toBe(EXIT.ok);
  });

  const order = async (kind: string, target: object): Promise<string> =>
    (
      await clone.database.query<{ id: string }>(
        `insert into command (stage, kind, target, actor, reason, result)
         values ('delivery', $1, $2, 'a person', 'mapping corrected', '{"replayed": 7}') returning id`,
        [kind, JSON.stringify(target)],
      )
    )[0]!.id;
  const answerOf = async (id: string): Promise<{ status: string; result: Record<string, unknown> | null }> =>
    (
      await clone.database.query<{ status: string; result: Record<string, unknown> | null }>(
        'select status, result from command where id = $1',
        [id],
      )
    )[0]!;
  const ENDED = {
    status: 'refused',
    result: { replayed: 7, reason: 'the database was restored while it waited: look, and order it again' },
  };

  it('ends a replay that waited when the backup was taken: nobody has looked for the dead letters that it would send', async () => {
    const event = await given.event(clone.database, { recordId: 'dead', entity: 'order' });
    const dead = await given.delivery(clone.database, event, {
      flow: 'orders',
      connection: 'main-erp',
      document: 'task',
      status: 'DEAD',
    });
    const replay = await order('replay', {});
    await clone.database.query('insert into command_event (command_id, n, event_id) values ($1, 1, $2)', [
      replay,
      event.eventId,
    ]);
    await doubt();
    expect(await run('report')).toBe(EXIT.ok);
    expect(await answerOf(replay)).toEqual(ENDED);
    expect(await clone.database.query('select 1 from command_event')).toEqual([]);
    expect(printed.join('\n')).toMatch(/1 orders of people waited .* order them again/);
    expect(await run('accept')).toBe(EXIT.ok);
    expect(await statusOf(dead)).toBe('DEAD');
    expect(await clone.database.query("select 1 from outbox where headers ? 'ce_replayof'")).toEqual([]);
  });

  it.each(['retry', 'edit', 'resolve', 'cancel', 'replay'])(
    'ends a %s that still waits when the database is accepted, and leaves what decides nothing about one document',
    async (kind) => {
      await doubt();
      expect(await run('report')).toBe(EXIT.ok);
      const decides = await order(kind, { deliveryId: '1' });
      const calm = await Promise.all(['pause', 'resume', 'bind', 'fill'].map((other) => order(other, {})));
      expect(await run('accept')).toBe(EXIT.ok);
      expect(printed.join('\n')).toMatch(/1 orders of people waited/);
      expect(await answerOf(decides)).toEqual(ENDED);
      for (const id of calm) expect((await answerOf(id)).status).toBe('waiting');
    },
  );

  it('does not go on while a replay is on its way: what it makes of dead letters must be looked at before it is sent', async () => {
    const original = await given.event(clone.database, { recordId: 'dead', entity: 'order' });
    const to = { flow: 'orders', connection: 'main-erp', document: 'task' } as const;
    await given.delivery(clone.database, original, { ...to, status: 'DEAD' });
    const replay = await given.event(clone.database, {
      recordId: 'dead',
      entity: 'order',
      replayOf: original.eventId,
      published: false,
    });
    await doubt();
    expect(await run('report')).toBe(EXIT.partly);
    expect(printed.join('\n')).toMatch(/not all of it is taken in yet \(crm\.order\.v1: 1\)/);
    expect(await run('accept')).toBe(EXIT.failed);
    await clone.database.query('update relay_cursor set high = $1', [replay.outboxId]);

    const log = new PostgresEventLog({ database: clone.database });
    const document = { schema: 'erp/sales-order', connection: 'main-erp', document: 'task' };
    await log.ensureTopics(declareTopics([document]));
    const documents = 'erp.main-erp.task.v1';
    const reached = (group: string, topic: string, offset: number): Promise<unknown> =>
      clone.database.query(
        `insert into log_offset (group_name, topic, partition, committed)
         select $1, topic, partition, case when next_offset > 0 then $3 else 0 end from log_partition where topic = $2
         on conflict (group_name, topic, partition) do update set committed = excluded.committed`,
        [group, topic, offset],
      );
    await log.append([{ topic: 'crm.order.v1', key: replay.key, value: null, headers: {} }]);
    await reached('mapper', 'crm.order.v1', 0);
    await reached('delivery', documents, 0);
    expect(await run('accept')).toBe(EXIT.failed); // the mapper has not read it
    expect(printed.join('\n')).toMatch(/\(crm\.order\.v1: 1\)/);
    await log.append([{ topic: documents, key: replay.key, value: null, headers: {} }]);
    await reached('mapper', 'crm.order.v1', 1);
    expect(await run('accept')).toBe(EXIT.failed); // delivery has not taken it in
    expect(printed.join('\n')).toMatch(/\(erp\.main-erp\.task\.v1: 1\)/);
    await reached('delivery', documents, 1);
    expect(await run('accept')).toBe(EXIT.ok);
    await log.close();
  });

  it('puts back what only the event log still holds', async () => {
    const log = new PostgresEventLog({ database: clone.database });
    await log.ensureTopics(declareTopics([]));
    const known = await given.event(clone.database, { recordId: 'known', entity: 'order' });
    const event = (id: string, recordId: string, version = 4n, topic = 'crm.order.v1'): LogRecord => {
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
        aggregateversion: version,
        correlationid: id,
        hopcount: 0,
      });
      return { topic, key, value: Buffer.from('an order'), headers };
    };
    const lost = randomUUID();
    await log.append([event(known.eventId, 'known'), event(lost, 'lost')]);
    // what was said of their deliveries, and is lost with them but for the log
    const said = (recordId: string, version: bigint): LogRecord =>
      event(randomUUID(), recordId, version, 'sync.result.v1');
    await log.append([said('lost', 8n), said('lost', 9n), said('known', 2n)]);
    await clone.database.query('insert into result_version (key, version) values ($1, 7)', [
      recordKey('acme', 'order', 'known'),
    ]);
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
    expect(await clone.database.query('select key, version from result_version order by key')).toEqual([
      { key: recordKey('acme', 'order', 'known'), version: 7n },
      { key: recordKey('acme', 'order', 'lost'), version: 9n }, // the next word is newer than the log's
    ]);
    expect(await run('report', false, log)).toBe(EXIT.ok);
    expect(printed.join('\n')).toMatch(/0 events were not in the database/);
    await log.close();
  });
});
