import { expect, it } from '@jest/globals';
import { RecordRefused } from '#contracts';
import { collect } from '../collect.ts';
import { eventually } from '../eventually.ts';
import { declaration, freshTopic, text, unique } from '../harness.ts';
import type { Suite } from '../suite.ts';

/** What the log would never take, or not as declared. */
export function itRefuses(suite: Suite): void {
  it('refuses a record that is too large before anything of the call is sent', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1, maxMessageBytes: 10_000 });
    const large = { topic, key: 'b', value: Buffer.alloc(10_001), headers: {} };
    const refused = await suite.log.append([text(topic, 'a', 'before'), large]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RecordRefused);
    expect((refused as RecordRefused).record).toBe(large);
    await suite.log.append(Array.from({ length: 30 }, (_, n) => ({ ...large, value: Buffer.alloc(9_000, n) })));
    expect((await suite.log.lag(unique('group'), [topic]))[0]).toMatchObject({ end: 30n });
  });

  it('refuses text that PostgreSQL could not hold, whatever it runs on', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    await expect(suite.log.append([text(topic, 'a\0', 'x')])).rejects.toBeInstanceOf(RecordRefused);
    await expect(suite.log.append([{ ...text(topic, 'a', 'x'), headers: { h: '\ud800' } }])).rejects.toBeInstanceOf(
      RecordRefused,
    );
  });

  it('refuses topics that differ from their declaration, and topics nobody declared', async () => {
    const topic = await freshTopic(suite.log, { partitions: 2 });
    await suite.log.ensureTopics([declaration(topic, { partitions: 2 })]);
    await expect(suite.log.ensureTopics([declaration(topic, { partitions: 3 })])).rejects.toMatchObject({
      code: 'CROSSDOCK_LOG_TOPIC_DRIFT',
      message: expect.stringContaining('partitions is 2, declared 3'),
    });
    await expect(
      suite.log.ensureTopics([{ ...declaration(topic, { partitions: 2 }), retentionMs: 1_000_000 }]),
    ).rejects.toThrow('retentionMs is 3600000');
    const nobody = unique('nobody');
    await expect(suite.log.append([text(nobody, 'a', 'x')])).rejects.toMatchObject({
      code: 'CROSSDOCK_LOG_TOPIC_UNKNOWN',
    });
    await expect(suite.log.subscribe({ group: 'g', topics: [nobody], handle: async () => {} })).rejects.toMatchObject({
      code: 'CROSSDOCK_LOG_TOPIC_UNKNOWN',
    });
  });

  it('notices that somebody changed the number of partitions: what runs keeps its keys in order, what starts is refused', async () => {
    const topic = await freshTopic(suite.log, { partitions: 3 });
    const keys = Array.from({ length: 12 }, (_, n) => `key${n}`);
    const append = (round: number) => suite.log.append(keys.map((key) => text(topic, key, `${key} ${round}`)));
    const got = await collect(suite.log, unique('group'), [topic]);
    await append(1);
    await suite.harness.addPartitions(topic, 7);
    const told = await eventually(
      () => got.problems.find(({ kind }) => kind === 'partitions-changed'),
      'the change is noticed',
    );
    expect(told).toMatchObject({ topic, message: expect.stringContaining('7 partitions now, declared are 3') });
    expect(told.message).toContain('docs/guides/operate.md');
    await append(2);
    await got.until(2 * keys.length);
    for (const key of keys)
      expect(new Set(got.records.filter((record) => record.key === key).map(({ partition }) => partition)).size).toBe(
        1,
      );
    const other = await suite.harness.open();
    await expect(other.ensureTopics([declaration(topic, { partitions: 3 })])).rejects.toMatchObject({
      code: 'CROSSDOCK_LOG_TOPIC_DRIFT',
      message: expect.stringMatching(/partitions is 7, declared 3[^]*operate\.md/),
    });
    await got.running.stop();
  });
}
