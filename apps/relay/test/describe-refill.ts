import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { declareTopics, RESULT_TOPIC, UNROUTED_TOPIC, type EventLog, type RunningSubscription } from '#contracts';
import { clonedDatabase, eventually, given, type ClonedDatabase } from '#testing';
import { Relay } from '../src/relay.ts';

export interface RefillLog {
  log: EventLog;
  /** deletes what lies below `before`, as retention does */
  passRetention(topic: string, partition: number, before: bigint): Promise<void>;
  close(): Promise<void>;
}

const DOCUMENT = { schema: 'erp/sales-order', connection: 'main-erp', document: 'salesOrder' };
const EVENTS = 'crm.order.v1';
const DOCUMENTS = 'erp.main-erp.sales-order.v1';
const RECORDS = ['a', 'b', 'c', 'd', 'e', 'f'];

/**
 * The refill from end to end with a real relay and a real log: a mapper that makes one document of each event, a delivery
 * that notes what it takes. Retention passes first the one, then the other.
 */
export function describeRefill(name: string, open: (clone: ClonedDatabase) => Promise<RefillLog>): void {
  describe(`the refill on ${name}`, () => {
    let clone: ClonedDatabase;
    let on: RefillLog;
    let relay: Relay;
    const events = new Map<string, Awaited<ReturnType<typeof given.event>>>();
    /** versions by record in the order in which delivery first had them */
    const taken = new Map<string, number[]>();
    let version = 0;

    beforeAll(async () => {
      clone = await clonedDatabase();
      on = await open(clone);
      await on.log.ensureTopics(declareTopics([DOCUMENT]));
      relay = new Relay({ database: clone.database, log: on.log, surprised: () => {} });
      await relay.start();
    }, 120_000);
    afterAll(async () => {
      await relay?.stop();
      await on?.close();
      await clone?.close();
    }, 60_000);

    /** the next version of every record */
    const append = async (): Promise<void> => {
      version++;
      for (const recordId of RECORDS) {
        const event = await given.event(clone.database, {
          entity: 'order',
          recordId,
          version: BigInt(version),
          published: false, // by this relay, which may not lead yet
        });
        events.set(event.eventId, event);
      }
    };
    const all = (): number => version * RECORDS.length;
    const published = (): Promise<unknown> => eventually(() => relay.state.published >= all(), 'all is published');
    const handledAll = (): Promise<unknown> =>
      eventually(
        () => [...taken.values()].flat().length >= all(),
        () => `${[...taken.values()].flat().length} of ${all()} are taken`,
        30_000,
      );

    const mapper = (): Promise<RunningSubscription> =>
      on.log.subscribe({
        group: 'mapper',
        topics: [EVENTS],
        handle: ({ records }) =>
          on.log.append(
            records.map(({ key, headers }) => ({
              topic: headers['ce_aggregateversion'] === '2' ? UNROUTED_TOPIC : DOCUMENTS,
              key,
              value: null,
              headers,
            })),
          ),
      });
    const delivery = (): Promise<RunningSubscription> =>
      on.log.subscribe({
        group: 'delivery',
        topics: [DOCUMENTS, UNROUTED_TOPIC],
        handle: async ({ topic, records }) => {
          for (const { headers } of records) {
            const event = events.get(headers['ce_id']!)!;
            const at = Number(headers['ce_aggregateversion']);
            if (taken.get(event.recordId)?.includes(at)) continue;
            if (topic === UNROUTED_TOPIC)
              await clone.database.query(
                `insert into unrouted (event_id, source, entity, key) values ($1, 'crm', 'order', $2)
                 on conflict do nothing`,
                [event.eventId, event.key],
              );
            else
              await given.delivery(clone.database, event, {
                flow: 'orders',
                connection: 'main-erp',
                document: 'salesOrder',
              });
            taken.set(event.recordId, [...(taken.get(event.recordId) ?? []), at]);
          }
        },
      });
    /** Of every partition of the topic only the newest record is left. */
    const expire = async (topic: string): Promise<void> => {
      for (const { partition, end } of await on.log.lag('nobody', [topic]))
        if (end > 1n) await on.passRetention(topic, partition, end - 1n);
    };
    const refill = async (target: object): Promise<{ status: string; result: Record<string, unknown> }> => {
      const [order] = await clone.database.query<{ id: string }>(
        "insert into command (stage, kind, target, actor, reason) values ('relay', 'refill', $1, 'test', 'test') returning id",
        [JSON.stringify(target)],
      );
      return eventually(
        async () => {
          const [row] = await clone.database.query<{ status: string; result: Record<string, unknown> }>(
            "select status, result from command where id = $1 and status <> 'waiting'",
            [order!.id],
          );
          return row;
        },
        'the refill',
        30_000,
      );
    };
    /** Versions as delivery had them: complete, and in order but for the second, which has a topic of its own. */
    const expectAllInOrder = (): void => {
      for (const recordId of RECORDS) {
        const versions = taken.get(recordId)!;
        expect(versions.filter((at) => at !== 2)).toEqual(
          Array.from({ length: version }, (_, n) => n + 1).filter((at) => at !== 2),
        );
        expect(versions).toContain(2);
      }
    };

    it('is refused of a place where the group has never been: a name that nobody reads, a stage that never ran', async () => {
      const nowhere = (place: string): object => ({
        status: 'refused',
        result: {
          published: 0,
          partitions: 0,
          reason: `${place}: is the name right, is the stage running?`,
        },
      });
      expect(await refill({ group: 'mapper', topic: EVENTS })).toEqual(
        nowhere(`the group mapper has no place in ${EVENTS}`),
      );
      const running = await mapper();
      await eventually(async () => (await on.log.positions('mapper')).length === 12, 'its beginnings are noted');
      expect(await refill({ group: 'mapper', topic: EVENTS })).toMatchObject({
        status: 'done',
        result: { partitions: 12 },
      });
      expect(await refill({ group: 'mapper', topic: 'crm.orders.v1' })).toEqual(
        nowhere('the group mapper has no place in crm.orders.v1'),
      );
      expect(await refill({ topic: EVENTS, partition: 12 })).toEqual(
        nowhere(`neither mapper nor delivery has a place in ${EVENTS}, partition 12`),
      );
      expect(await refill({ partition: 3 })).toMatchObject({
        status: 'refused',
        result: { reason: 'a partition is one of a topic: name that, too' },
      });
      await running.stop();
    }, 60_000);

    it('publishes again what retention took from the mapper, and nothing that delivery has', async () => {
      const reading = await delivery();
      const first = await mapper();
      await append();
      await append();
      await handledAll();
      expect(await refill({})).toEqual({ status: 'done', result: { published: 0, partitions: 0 } });
      await first.stop();
      for (let n = 0; n < 3; n++) await append();
      await published();
      await expire(EVENTS);
      const again = await mapper();
      const positions = await on.log.positions('mapper');
      const still = positions.filter(({ committed, start }) => committed < start).length;
      expect(still).toBeGreaterThan(0);
      await eventually(() => again.stopped().length === still, 'the mapper stands still');
      await append();
      await published();
      const { status, result } = await refill({});
      expect({ status, partitions: result['partitions'] }).toEqual({ status: 'done', partitions: still });
      expect(result['published']).toBeLessThanOrEqual(4 * RECORDS.length);
      await handledAll();
      expectAllInOrder();
      expect(again.stopped()).toEqual([]);
      await append();
      await handledAll();
      expectAllInOrder();
      await Promise.all([reading.stop(), again.stop()]);
    }, 60_000);

    it('publishes the events again of documents that retention took from delivery', async () => {
      const mapping = await mapper();
      for (let n = 0; n < 3; n++) await append();
      await published();
      await eventually(async () => {
        const positions = await on.log.positions('mapper');
        return positions.length === 12 && positions.every(({ committed, end }) => committed === end);
      }, 'all is mapped');
      await expire(DOCUMENTS);
      const again = await delivery();
      await eventually(() => again.stopped().length > 0, 'delivery stands still');
      await append();
      expect(await refill({ group: 'delivery' })).toMatchObject({ status: 'done' });
      await handledAll();
      expectAllInOrder();
      expect(again.stopped()).toEqual([]);
      await Promise.all([again.stop(), mapping.stop()]);
    }, 60_000);

    it('publishes again what delivery lost with its database and had read on from, where it is told the topic', async () => {
      const running = await Promise.all([mapper(), delivery()]);
      await append();
      await handledAll();
      expect(await refill({})).toMatchObject({ result: { published: 0 } }); // no offset shows it
      const lost = RECORDS.slice(0, 3);
      for (const recordId of lost) taken.set(recordId, [2]); // which is unrouted, and stays
      await clone.database.query(
        `with gone as (delete from delivery where record_id = any($1::text[]) returning id)
         delete from delivery_key where delivery_id in (select id from gone)`,
        [lost],
      );
      const named = await refill({ group: 'mapper', topic: EVENTS });
      expect(named).toMatchObject({ status: 'done', result: { published: lost.length * (version - 1) } });
      await handledAll();
      for (const subscription of running) {
        expect(subscription.stopped()).toEqual([]);
        await subscription.stop();
      }
    }, 60_000);

    it('neither waits for a topic that the mapper does not read any more nor publishes anything of it', async () => {
      const before = await on.log.subscribe({
        group: 'mapper',
        topics: [EVENTS, RESULT_TOPIC],
        handle: () => Promise.resolve(),
      });
      await eventually(
        async () => (await on.log.positions('mapper')).some(({ topic }) => topic === RESULT_TOPIC),
        'the mapper reads results',
      );
      await before.stop();
      const result = { topic: RESULT_TOPIC, key: 'a', value: Buffer.from('a result'), headers: {} };
      await on.log.append([result, result]);
      await expire(RESULT_TOPIC);
      const running = await Promise.all([mapper(), delivery()]);
      for (const subscription of running) await subscription.ready();
      expect(await refill({})).toEqual({ status: 'done', result: { published: 0, partitions: 0 } });
      expect(await refill({ group: 'delivery', topic: DOCUMENTS })).toMatchObject({
        status: 'done',
        result: { partitions: 12 },
      });
      for (const subscription of running) await subscription.stop();
    }, 60_000);

    it('is refused while several relays share the outbox: they would publish newer events in between', async () => {
      await clone.database.query('insert into relay_cursor (shard) values (1)');
      expect(await refill({})).toMatchObject({
        status: 'refused',
        result: { reason: expect.stringContaining('shards 1') },
      });
      await clone.database.query('delete from relay_cursor where shard = 1');
    });
  });
}
