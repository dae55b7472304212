import { expect, it } from '@jest/globals';
import { collect } from '../collect.ts';
import { eventually } from '../eventually.ts';
import { freshTopic, text, unique } from '../harness.ts';
import type { Suite } from '../suite.ts';

/** One batch at a time, again until it is handled, each partition for itself. */
export function itHandlesBatches(suite: Suite): void {
  it('gives a batch to one handler at a time, no larger than asked for', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    await suite.log.append(Array.from({ length: 25 }, (_, n) => text(topic, 'a', String(n))));
    let inHand = 0;
    const got = await collect(suite.log, unique('group'), [topic], {
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
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const group = unique('group');
    await suite.log.append([text(topic, 'a', '1'), text(topic, 'a', '2')]);
    let failures = 2;
    const got = await collect(suite.log, group, [topic], {
      handle: async () => {
        if (failures-- > 0) throw new Error('the store is away');
      },
    });
    await got.until(2);
    expect(got.values()).toEqual(['1', '2']);
    expect(got.problems.map((problem) => problem.kind)).toEqual(['handler-failed', 'handler-failed']);
    await suite.caughtUp(group, topic);
    await got.running.stop();
  });

  it('lets a partition whose handler keeps failing delay only itself', async () => {
    const topic = await freshTopic(suite.log, { partitions: 3 });
    let sick: number | undefined;
    const got = await collect(suite.log, unique('group'), [topic], {
      handle: async (batch) => {
        sick ??= batch.partition;
        if (batch.partition === sick) throw new Error('sick');
      },
    });
    const keys = Array.from({ length: 30 }, (_, n) => `key${n}`);
    await suite.log.append(keys.map((key) => text(topic, key, `${key} early`)));
    await eventually(() => got.records.length > 0, 'the healthy partitions');
    await suite.log.append(keys.map((key) => text(topic, key, `${key} late`)));
    const healthy = new Set([0, 1, 2].filter((partition) => partition !== sick));
    await eventually(
      () =>
        [...healthy].every((p) => got.records.some((r) => r.partition === p && r.value!.toString().endsWith('late'))),
      'later records of the healthy partitions',
    );
    expect(got.records.some((record) => record.partition === sick)).toBe(false);
    await got.running.stop();
  });

  it('finishes the batch in hand when it is stopped, commits it, and begins no other', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const group = unique('group');
    await suite.log.append(['1', '2', '3', '4'].map((value) => text(topic, 'a', value)));
    const finish = Promise.withResolvers<void>();
    let begun = 0;
    const got = await collect(suite.log, group, [topic], {
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
    expect(await suite.behind(group, topic)).toBe(2n);
  });
}
