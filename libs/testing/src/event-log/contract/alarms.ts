import { expect, it } from '@jest/globals';
import type { LogProblem } from '#contracts';
import { refillMarkers } from '#event-log';
import { collect, perKey } from '../collect.ts';
import { eventually } from '../eventually.ts';
import { freshTopic, text, unique } from '../harness.ts';
import type { Suite } from '../suite.ts';

/** Nothing is skipped: a hole is an alarm and a stop. An outage is neither. */
export function itStopsAtHoles(suite: Suite): void {
  it('raises an alarm and stops when retention has deleted what the group has not handled', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const group = unique('group');
    await suite.log.append([text(topic, 'a', '0'), text(topic, 'a', '1')]);
    const first = await collect(suite.log, group, [topic]);
    await first.until(2);
    await first.running.stop();
    await suite.log.append(['2', '3', '4', '5'].map((value) => text(topic, 'a', value)));
    await suite.harness.passRetention(topic, 0, 4n);
    for (let attempt = 0; attempt < 2; attempt++) {
      const got = await collect(suite.log, group, [topic]);
      await eventually(() => got.problems.length > 0, 'an alarm');
      expect(got.problems[0]).toMatchObject({
        kind: 'retention-passed',
        topic,
        partition: 0,
      } satisfies Partial<LogProblem>);
      await suite.log.append([text(topic, 'a', `later ${attempt}`)]);
      expect(got.running.stopped()).toEqual([{ topic, partition: 0, kind: 'retention-passed', offset: 2n }]);
      await got.running.stop();
      expect(got.records).toEqual([]);
    }
    expect((await suite.log.lag(group, [topic]))[0]!.committed).toBe(2n);
    expect(await suite.log.positions(group)).toEqual([
      { topic, partition: 0, partitions: 1, committed: 2n, start: 4n, end: 8n },
    ]);
  });

  it('raises the alarm too for a group that was away before it handled anything', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const group = unique('group');
    const first = await collect(suite.log, group, [topic]);
    await eventually(async () => (await suite.log.positions(group)).length === 1, 'its beginning is noted');
    await first.running.stop();
    await suite.log.append(['0', '1', '2'].map((value) => text(topic, 'a', value)));
    await suite.harness.passRetention(topic, 0, 2n);
    const got = await collect(suite.log, group, [topic]);
    await eventually(() => got.running.stopped().length === 1, 'an alarm');
    expect(got.problems[0]).toMatchObject({ kind: 'retention-passed', topic, partition: 0 });
    await got.running.stop();
    expect(got.records).toEqual([]);
  });

  it('goes on behind a whole refill, in its order, and takes nothing of one that was cut off or is for others', async () => {
    const topic = await freshTopic(suite.log, { partitions: 3 });
    const group = unique('group');
    const key = 'a';
    await suite.log.append(['0', '1', '2', '3', '4'].map((value) => text(topic, key, value)));
    const first = await collect(suite.log, group, [topic], { maxBatch: 2 });
    await first.until(5);
    await suite.caughtUp(group, topic);
    await first.running.stop();
    await suite.log.append(['5', '6', '7', '8'].map((value) => text(topic, key, value)));
    const { partition } = first.records[0]!;
    await suite.harness.passRetention(topic, partition, 7n);
    const other = collect(suite.log, unique('group'), [topic]);
    const got = await collect(suite.log, group, [topic], { maxBatch: 2 });
    await eventually(() => got.running.stopped().length === 1, 'the alarm');
    const [at] = (await suite.log.positions(group)).filter((place) => place.partition === partition);
    expect(at).toMatchObject({ partitions: 3, committed: 5n, start: 7n, end: 9n });
    const again = ['5', '6', '7', '8'].map((value) => text(topic, key, value));
    const cut = refillMarkers({ group, ...at! });
    const foreign = refillMarkers({ group: 'another', ...at! });
    const whole = refillMarkers({ group, ...at! });
    await suite.log.append([cut.begin, ...again.slice(0, 2)]);
    await suite.log.append([foreign.begin, ...again, foreign.end, text(topic, key, 'in between')]);
    expect(got.running.stopped()).toHaveLength(1);
    await suite.log.append([whole.begin, ...again, text(topic, key, 'in between'), whole.end, text(topic, key, '9')]);
    await got.until(6);
    expect(got.values()).toEqual(['5', '6', '7', '8', 'in between', '9']);
    expect(got.running.stopped()).toEqual([]);
    expect(got.problems.map(({ kind }) => kind)).toEqual(['retention-passed', 'resumed']);
    await suite.caughtUp(group, topic);
    await got.running.stop();
    const later = await collect(suite.log, group, [topic]);
    await suite.log.append([text(topic, key, '10')]);
    await later.until(1);
    expect(later.values()).toEqual(['10']);
    const seen = await other;
    await eventually(() => seen.values().includes('10'), 'the other group');
    expect(seen.values()).not.toContain('null');
    await Promise.all([later.running.stop(), seen.running.stop()]);
  });

  const ifHoles = suite.able.punchHole ? it : undefined;
  ifHoles?.('raises an alarm and stops before a hole in the offsets', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    await suite.log.append(['0', '1', '2', '3'].map((value) => text(topic, 'a', value)));
    await suite.harness.punchHole!(topic, 0, 2n);
    const group = unique('group');
    const got = await collect(suite.log, group, [topic]);
    await eventually(() => got.problems.length > 0, 'an alarm');
    expect(got.problems[0]).toMatchObject({ kind: 'hole', topic, partition: 0 });
    expect(got.values()).not.toContain('3');
    const { offset } = got.running.stopped()[0]!;
    const [at] = await suite.log.positions(group);
    const { begin, end } = refillMarkers({ group, ...at! });
    const missing = ['0', '1', '2', '3'].slice(Number(offset)).map((value) => text(topic, 'a', value));
    await suite.log.append([begin, ...missing, end]);
    await got.until(4);
    expect([...new Set(got.values())]).toEqual(['0', '1', '2', '3']);
    await got.running.stop();
  });

  const ifOurs = suite.able.disturb ? it : undefined;
  ifOurs?.(
    'carries on by itself after the log was away, in order and complete',
    async () => {
      const topic = await freshTopic(suite.log, { partitions: 2 });
      const got = await collect(suite.log, unique('group'), [topic]);
      await got.running.ready();
      const keys = ['a', 'b', 'c', 'd'];
      const append = async (n: number): Promise<void> => {
        for (;;) {
          const failure = await suite.log
            .append(keys.map((key) => text(topic, key, `${key}${n}`)))
            .catch((error: unknown) => error);
          if (failure === undefined) return;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      for (let n = 0; n < 10; n++) await append(n);
      const back = suite.harness.disturb!();
      for (let n = 10; n < 60; n++) await append(n);
      await back;
      await append(60);
      await got.until(61 * keys.length, 45_000);
      for (const key of keys)
        expect(perKey(got.records).get(key)).toEqual(Array.from({ length: 61 }, (_, n) => `${key}${n}`));
      expect(got.problems.map((problem) => problem.kind).filter((kind) => kind !== 'unavailable')).toEqual([]);
      await suite.log.append([text(topic, 'a', 'later')]);
      await got.until(61 * keys.length + 1);
      await got.running.stop();
    },
    90_000,
  );

  it('answers a ping', async () => {
    await expect(suite.log.ping()).resolves.toBeUndefined();
  });
}
