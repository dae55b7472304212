import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CrossdockError, RecordRefused } from '#contracts';
import type { EventLog, LogProblem } from '#contracts';
import { decodeBatch } from '#event-log';
import { collect, perKey } from './collect.ts';
import { eventually } from './eventually.ts';
import { declaration, freshTopic, text, unique } from './harness.ts';
import type { Abilities, EventLogHarness } from './harness.ts';
import { memberWithBatchInHand } from './killable-member.ts';

/** The contract of the event-log port. An adapter that passes it may stand below Crossdock. */
export function describeEventLog(name: string, able: Abilities, makeLog: () => Promise<EventLogHarness>): void {
  describe(`the event log on ${name}`, () => {
    let harness: EventLogHarness;
    let log: EventLog;

    beforeAll(async () => {
      harness = await makeLog();
      log = await harness.open();
    }, 120_000);
    afterAll(() => harness?.close(), 60_000);

    const committed = async (group: string, topic: string): Promise<bigint> =>
      (await log.lag(group, [topic])).reduce((sum, partition) => sum + partition.lag, 0n);
    const caughtUp = (group: string, topic: string): Promise<boolean> =>
      eventually(async () => (await committed(group, topic)) === 0n, `${group} has committed everything`);

    it('gives back key, bytes, headers and markers as they were appended', async () => {
      const topic = await freshTopic(log);
      const headers = { ce_id: '1', empty: '', name: 'Jürgen "quoted" \\ {} €' };
      const bytes = Buffer.from([0, 255, 1, 0, 92, 34]);
      await log.append([
        { topic, key: 'acme:order:ü', value: bytes, headers },
        { topic, key: 'acme:order:ü', value: null, headers: {} },
        { topic, key: 'acme:order:ü', value: Buffer.alloc(0), headers: {} },
      ]);
      const got = await collect(log, unique('group'), [topic]);
      await eventually(() => got.records.length === 3, '3 records');
      const [first, marker, empty] = got.records;
      expect(first).toMatchObject({ topic, key: 'acme:order:ü', value: bytes, headers, offset: 0n });
      expect(Math.abs(first!.timestamp.getTime() - Date.now())).toBeLessThan(60_000);
      expect(marker).toMatchObject({ value: null, headers: {}, offset: 1n });
      expect(empty!.value).toHaveLength(0);
      await got.running.stop();
    });

    it('keeps the order of each key, over calls that do not wait for each other', async () => {
      const topic = await freshTopic(log);
      const calls: Promise<void>[] = [];
      for (let n = 0; n < 40; n++)
        calls.push(log.append(['a', 'b', 'c', 'd', 'e'].map((key) => text(topic, key, `${key}${n}`))));
      await Promise.all(calls);
      const got = await collect(log, unique('group'), [topic]);
      await got.until(200);
      for (const [key, values] of perKey(got.records))
        expect(values).toEqual(Array.from({ length: 40 }, (_, n) => `${key}${n}`));
      await got.running.stop();
    });

    it('starts a new group at the beginning and a known one behind what it committed', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const group = unique('group');
      await log.append([text(topic, 'a', '1'), text(topic, 'a', '2')]);
      const first = await collect(log, group, [topic]);
      await first.until(2);
      await first.running.stop();
      await log.append([text(topic, 'a', '3')]);
      const again = await collect(log, group, [topic]);
      await again.until(1);
      expect(again.values()).toEqual(['3']);
      const other = await collect(log, unique('group'), [topic]);
      await other.until(3);
      expect(other.values()).toEqual(['1', '2', '3']);
      await Promise.all([again.running.stop(), other.running.stop()]);
    });

    it('gives a batch to one handler at a time, no larger than asked for', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      await log.append(Array.from({ length: 25 }, (_, n) => text(topic, 'a', String(n))));
      let inHand = 0;
      const got = await collect(log, unique('group'), [topic], {
        maxBatch: 10,
        handle: async () => {
          expect(++inHand).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          inHand--;
        },
      });
      await got.until(25);
      expect(got.batches.map((batch) => batch.records.length)).toEqual([10, 10, 5]);
      expect(got.problems).toEqual([]);
      await got.running.stop();
    });

    it('gives the same records again after the handler throws, and tells about it', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const group = unique('group');
      await log.append([text(topic, 'a', '1'), text(topic, 'a', '2')]);
      let failures = 2;
      const got = await collect(log, group, [topic], {
        handle: async () => {
          if (failures-- > 0) throw new Error('the store is away');
        },
      });
      await got.until(2);
      expect(got.values()).toEqual(['1', '2']);
      expect(got.problems.map((problem) => problem.kind)).toEqual(['handler-failed', 'handler-failed']);
      await caughtUp(group, topic);
      await got.running.stop();
    });

    it('lets a partition whose handler keeps failing delay only itself', async () => {
      const topic = await freshTopic(log, { partitions: 3 });
      let sick: number | undefined;
      const got = await collect(log, unique('group'), [topic], {
        handle: async (batch) => {
          sick ??= batch.partition;
          if (batch.partition === sick) throw new Error('sick');
        },
      });
      const keys = Array.from({ length: 30 }, (_, n) => `key${n}`);
      await log.append(keys.map((key) => text(topic, key, `${key} early`)));
      await eventually(() => got.records.length > 0, 'the healthy partitions');
      await log.append(keys.map((key) => text(topic, key, `${key} late`)));
      const healthy = new Set([0, 1, 2].filter((partition) => partition !== sick));
      await eventually(
        () =>
          [...healthy].every((p) => got.records.some((r) => r.partition === p && r.value!.toString().endsWith('late'))),
        'later records of the healthy partitions',
      );
      expect(got.records.some((record) => record.partition === sick)).toBe(false);
      await got.running.stop();
    });

    it('gives records again that a killed process had in hand', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const group = unique('group');
      await log.append([text(topic, 'a', '1'), text(topic, 'a', '2')]);
      const member = await memberWithBatchInHand({ address: harness.address, group, topics: [topic] });
      await member.kill();
      expect(await committed(group, topic)).toBe(2n);
      const heir = await collect(log, group, [topic]);
      await heir.until(2, 30_000);
      expect(heir.values()).toEqual(['1', '2']);
      await heir.running.stop();
    }, 60_000);

    it('commits nothing until the dead letter is written, original bytes and headers kept', async () => {
      const topic = await freshTopic(log, { partitions: 1, deadLetters: false });
      const group = unique('group');
      const value = Buffer.from([7, 0, 255]);
      await log.append([{ topic, key: 'k', value, headers: { ce_id: 'e1' } }, text(topic, 'k', 'fine')]);
      const got = await collect(log, group, [topic], {
        handle: async ({ records }) => [{ record: records[0]!, reason: 'broken\nbytes', stage: 'mapper' }],
      });
      await eventually(() => got.problems.length >= 2, 'the missing dead-letter topic is a problem');
      expect(await committed(group, topic)).toBe(2n);
      await log.ensureTopics([declaration(`${topic}.dead-letter`, { partitions: 1 })]);
      await caughtUp(group, topic);
      await got.running.stop();
      const dead = await collect(log, unique('group'), [`${topic}.dead-letter`]);
      await dead.until(1);
      expect(dead.records[0]).toMatchObject({
        key: 'k',
        value,
        headers: {
          ce_id: 'e1',
          dl_reason: 'broken bytes',
          dl_stage: 'mapper',
          dl_topic: topic,
          dl_partition: '0',
          dl_offset: '0',
        },
      });
      await dead.running.stop();
    });

    it('sets broken frames and unknown schema ids aside, and waits for a registry that is away', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const framed = (id: number, body: string): Buffer => {
        const head = Buffer.alloc(5);
        head.writeInt32BE(id, 1);
        return Buffer.concat([head, Buffer.from(body)]);
      };
      const record = (value: Buffer | null) => ({ topic, key: 'k', value, headers: {} });
      await log.append([framed(1, 'good'), Buffer.from('x'), framed(404, 'lost'), null, framed(1, 'last')].map(record));
      let away = 3;
      const registry = {
        byId: async (id: number) => {
          if (away-- > 0) throw new CrossdockError('CROSSDOCK_SCHEMA_UNREACHABLE', 'no answer', { retryable: true });
          return id === 1 ? { name: 'one' } : ('unknown' as const);
        },
      };
      const read: string[] = [];
      const got = await collect(log, unique('group'), [topic], {
        handle: async ({ records }) => {
          const { decoded, dead } = await decodeBatch(records, {
            registry,
            stage: 'mapper',
            read: (_, frame) => frame?.body.toString() ?? 'marker',
          });
          read.push(...decoded.map(({ value }) => value));
          return dead;
        },
      });
      const dead = await collect(log, unique('group'), [`${topic}.dead-letter`]);
      await dead.until(2);
      expect(read).toEqual(['good', 'marker', 'last']);
      expect(got.problems.map((problem) => problem.kind)).toEqual(Array(3).fill('handler-failed'));
      expect(dead.records.map((letter) => letter.headers['dl_reason'])).toEqual([
        expect.stringContaining('not framed'),
        expect.stringContaining('no schema 404'),
      ]);
      await Promise.all([got.running.stop(), dead.running.stop()]);
    });

    it('raises an alarm and stops when retention has deleted what the group has not handled', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const group = unique('group');
      await log.append([text(topic, 'a', '0'), text(topic, 'a', '1')]);
      const first = await collect(log, group, [topic]);
      await first.until(2);
      await first.running.stop();
      await log.append(['2', '3', '4', '5'].map((value) => text(topic, 'a', value)));
      await harness.passRetention(topic, 0, 4n);
      for (let attempt = 0; attempt < 2; attempt++) {
        const got = await collect(log, group, [topic]);
        await eventually(() => got.problems.length > 0, 'an alarm');
        expect(got.problems[0]).toMatchObject({
          kind: 'retention-passed',
          topic,
          partition: 0,
        } satisfies Partial<LogProblem>);
        await log.append([text(topic, 'a', `later ${attempt}`)]);
        await got.running.stop();
        expect(got.records).toEqual([]);
      }
      expect((await log.lag(group, [topic]))[0]!.committed).toBe(2n);
    });

    const ifHoles = able.punchHole ? it : undefined;
    ifHoles?.('raises an alarm and stops before a hole in the offsets', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      await log.append(['0', '1', '2', '3'].map((value) => text(topic, 'a', value)));
      await harness.punchHole!(topic, 0, 2n);
      const got = await collect(log, unique('group'), [topic]);
      await eventually(() => got.problems.length > 0, 'an alarm');
      expect(got.problems[0]).toMatchObject({ kind: 'hole', topic, partition: 0 });
      await got.running.stop();
      expect(got.values()).not.toContain('3');
    });

    it('tells how far a group is behind', async () => {
      const topic = await freshTopic(log, { partitions: 2 });
      const group = unique('group');
      await log.append([text(topic, 'a', '1'), text(topic, 'a', '2'), text(topic, 'a', '3')]);
      const before = await log.lag(group, [topic]);
      expect(before).toHaveLength(2);
      expect(before.reduce((sum, partition) => sum + partition.lag, 0n)).toBe(3n);
      expect(before.every((partition) => partition.committed === null)).toBe(true);
      const got = await collect(log, group, [topic]);
      await got.until(3);
      await caughtUp(group, topic);
      await got.running.stop();
    });

    it('finishes the batch in hand when it is stopped, commits it, and begins no other', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const group = unique('group');
      await log.append(['1', '2', '3', '4'].map((value) => text(topic, 'a', value)));
      const finish = Promise.withResolvers<void>();
      let begun = 0;
      const got = await collect(log, group, [topic], {
        maxBatch: 2,
        handle: async () => {
          begun++;
          await finish.promise;
        },
      });
      await eventually(() => begun === 1, 'a batch in hand');
      const stopped = got.running.stop();
      finish.resolve();
      await stopped;
      expect(got.values()).toEqual(['1', '2']);
      expect(await committed(group, topic)).toBe(2n);
    });

    it('skips nothing under 24 appenders, some of which commit late', async () => {
      const topic = await freshTopic(log);
      const got = await collect(log, unique('group'), [topic]);
      await got.running.ready();
      const others = [log, await harness.open(), await harness.open()];
      await Promise.all(
        Array.from({ length: 24 }, async (_, writer) => {
          for (let n = 0; n < 12; n++) {
            const records = [text(topic, `w${writer}`, `${writer}:${n}`), text(topic, `x${writer}`, `x${writer}:${n}`)];
            if (harness.appendSlowly && writer % 3 === 0)
              await harness.appendSlowly(records, (writer * 7 + n * 13) % 40);
            else await others[writer % others.length]!.append(records);
          }
        }),
      );
      await got.until(24 * 12 * 2, 30_000);
      for (let writer = 0; writer < 24; writer++)
        expect(perKey(got.records).get(`w${writer}`)).toEqual(Array.from({ length: 12 }, (_, n) => `${writer}:${n}`));
      expect(got.problems).toEqual([]);
      await got.running.stop();
    }, 60_000);

    it('shares the partitions of a group, and the rest take over when a member leaves or dies', async () => {
      const topic = await freshTopic(log, { partitions: 4 });
      const group = unique('group');
      const keys = Array.from({ length: 40 }, (_, n) => `key${n}`);
      const append = (round: number) => log.append(keys.map((key) => text(topic, key, `${key} ${round}`)));
      const one = await collect(log, group, [topic]);
      await one.running.ready();
      const two = await collect(await harness.open(), group, [topic]);
      await two.running.ready();
      let round = 0;
      await eventually(async () => {
        const from = [one.records.length, two.records.length];
        await append(++round);
        await eventually(
          () =>
            perKey([...one.records, ...two.records])
              .get('key0')
              ?.includes(`key0 ${round}`),
          'round',
        );
        const partitions = (at: number, got: typeof one) =>
          new Set(got.records.slice(from[at]).map((record) => record.partition)).size;
        return partitions(0, one) === 2 && partitions(1, two) === 2;
      }, 'two partitions each');
      await two.running.stop();
      await append(++round);
      await eventually(
        () => keys.every((key) => perKey(one.records).get(key)?.includes(`${key} ${round}`)),
        'the rest by the one that stayed',
      );
      const doomed = memberWithBatchInHand({ address: harness.address, group, topics: [topic] });
      const appending = setInterval(() => void append(++round), 200);
      await (await doomed).kill();
      clearInterval(appending);
      await append(++round);
      const last = round;
      await eventually(
        () => keys.every((key) => perKey(one.records).get(key)?.includes(`${key} ${last}`)),
        'all by the one that lives',
        30_000,
      );
      const seen = perKey([...two.records, ...one.records]);
      for (const key of keys) expect(seen.get(key)?.length).toBe(last);
      await one.running.stop();
    }, 90_000);

    it('keeps its partitions while a handler takes longer than a dead member would be waited for', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const group = unique('group');
      await log.append([text(topic, 'a', '1')]);
      let slow = true;
      const got = await collect(log, group, [topic], {
        handle: async ({ signal }) => {
          if (!slow) return;
          slow = false;
          await new Promise((resolve) => setTimeout(resolve, harness.address.leaseMs * 1.6));
          expect(signal.aborted).toBe(false);
        },
      });
      await caughtUp(group, topic);
      await log.append([text(topic, 'a', '2')]);
      await got.until(2);
      expect(got.values()).toEqual(['1', '2']);
      expect(got.problems).toEqual([]);
      await got.running.stop();
    }, 60_000);

    it('loses nothing when a member joins while a handler is slow', async () => {
      const topic = await freshTopic(log, { partitions: 4 });
      const group = unique('group');
      const keys = Array.from({ length: 20 }, (_, n) => `key${n}`);
      await log.append(keys.map((key) => text(topic, key, `${key} first`)));
      const finish = Promise.withResolvers<void>();
      let begun = 0;
      const one = await collect(log, group, [topic], {
        handle: () => {
          begun++;
          return finish.promise;
        },
      });
      await eventually(() => begun === 4, 'a batch of each partition in hand');
      const two = await collect(await harness.open(), group, [topic]);
      await log.append(keys.map((key) => text(topic, key, `${key} second`)));
      setTimeout(finish.resolve, 500);
      await caughtUp(group, topic);
      const seen = perKey([...one.records, ...two.records]);
      for (const key of keys) expect(new Set(seen.get(key))).toEqual(new Set([`${key} first`, `${key} second`]));
      await Promise.all([one.running.stop(), two.running.stop()]);
    }, 60_000);

    const ifOurs = able.disturb ? it : undefined;
    ifOurs?.(
      'carries on by itself after the log was away, in order and complete',
      async () => {
        const topic = await freshTopic(log, { partitions: 2 });
        const got = await collect(log, unique('group'), [topic]);
        await got.running.ready();
        const keys = ['a', 'b', 'c', 'd'];
        const append = async (n: number): Promise<void> => {
          for (;;) {
            const failure = await log
              .append(keys.map((key) => text(topic, key, `${key}${n}`)))
              .catch((error: unknown) => error);
            if (failure === undefined) return;
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        };
        for (let n = 0; n < 10; n++) await append(n);
        const back = harness.disturb!();
        for (let n = 10; n < 60; n++) await append(n);
        await back;
        await append(60);
        await got.until(61 * keys.length, 45_000);
        for (const key of keys)
          expect(perKey(got.records).get(key)).toEqual(Array.from({ length: 61 }, (_, n) => `${key}${n}`));
        expect(got.problems.map((problem) => problem.kind).filter((kind) => kind !== 'unavailable')).toEqual([]);
        await log.append([text(topic, 'a', 'later')]);
        await got.until(61 * keys.length + 1);
        await got.running.stop();
      },
      90_000,
    );

    it('refuses a record that is too large before anything of the call is sent', async () => {
      const topic = await freshTopic(log, { partitions: 1, maxMessageBytes: 10_000 });
      const large = { topic, key: 'b', value: Buffer.alloc(10_001), headers: {} };
      const refused = await log.append([text(topic, 'a', 'before'), large]).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(RecordRefused);
      expect((refused as RecordRefused).record).toBe(large);
      await log.append(Array.from({ length: 30 }, (_, n) => ({ ...large, value: Buffer.alloc(9_000, n) })));
      expect((await log.lag(unique('group'), [topic]))[0]).toMatchObject({ end: 30n });
    });

    it('refuses text that PostgreSQL could not hold, whatever it runs on', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      await expect(log.append([text(topic, 'a\0', 'x')])).rejects.toBeInstanceOf(RecordRefused);
      await expect(log.append([{ ...text(topic, 'a', 'x'), headers: { h: '\ud800' } }])).rejects.toBeInstanceOf(
        RecordRefused,
      );
    });

    it('refuses topics that differ from their declaration, and topics nobody declared', async () => {
      const topic = await freshTopic(log, { partitions: 2 });
      await log.ensureTopics([declaration(topic, { partitions: 2 })]);
      await expect(log.ensureTopics([declaration(topic, { partitions: 3 })])).rejects.toMatchObject({
        code: 'CROSSDOCK_LOG_TOPIC_DRIFT',
        message: expect.stringContaining('partitions is 2, declared 3'),
      });
      await expect(
        log.ensureTopics([{ ...declaration(topic, { partitions: 2 }), retentionMs: 1_000_000 }]),
      ).rejects.toThrow('retentionMs is 3600000');
      const nobody = unique('nobody');
      await expect(log.append([text(nobody, 'a', 'x')])).rejects.toMatchObject({ code: 'CROSSDOCK_LOG_TOPIC_UNKNOWN' });
      await expect(log.subscribe({ group: 'g', topics: [nobody], handle: async () => {} })).rejects.toMatchObject({
        code: 'CROSSDOCK_LOG_TOPIC_UNKNOWN',
      });
    });

    it('hands a record on within milliseconds', async () => {
      const topic = await freshTopic(log, { partitions: 1 });
      const took: number[] = [];
      let sent = 0;
      const got = await collect(log, unique('group'), [topic], {
        handle: async () => void took.push(performance.now() - sent),
      });
      await got.running.ready();
      for (let n = 0; n < 30; n++) {
        sent = performance.now();
        await log.append([text(topic, 'a', String(n))]);
        await got.until(n + 1);
      }
      const median = took.sort((a, b) => a - b)[15]!;
      expect(median).toBeLessThan(60); // a few ms on a quiet machine; the bound only finds a lost wake-up (250 ms)
      await got.running.stop();
    });

    it('hands on within milliseconds what another process appends while a handler is busy with the same key', async () => {
      const topic = await freshTopic(log, { partitions: 3 });
      const other = await harness.open();
      const took: number[] = [];
      const sentAt = new Map<string, number>();
      const got = await collect(log, unique('group'), [topic], {
        handle: async ({ records }) => {
          for (const record of records) took.push(performance.now() - sentAt.get(record.value!.toString())!);
          await new Promise((resolve) => setTimeout(resolve, 15));
        },
      });
      await got.running.ready();
      for (let n = 0; n < 20; n++) {
        for (const value of [`${n} first`, `${n} second`]) {
          sentAt.set(value, performance.now());
          await other.append([text(topic, 'a', value)]);
        }
        await got.until(2 * n + 2);
      }
      const median = took.sort((a, b) => a - b)[30]!; // the upper quarter: mostly seconds
      expect(median).toBeLessThan(110);
      await got.running.stop();
    });

    it('answers a ping', async () => {
      await expect(log.ping()).resolves.toBeUndefined();
    });
  });
}
