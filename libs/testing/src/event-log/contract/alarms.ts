import { expect, it } from '@jest/globals';
import type { LogProblem } from '#contracts';
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
      await got.running.stop();
      expect(got.records).toEqual([]);
    }
    expect((await suite.log.lag(group, [topic]))[0]!.committed).toBe(2n);
  });

  const ifHoles = suite.able.punchHole ? it : undefined;
  ifHoles?.('raises an alarm and stops before a hole in the offsets', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    await suite.log.append(['0', '1', '2', '3'].map((value) => text(topic, 'a', value)));
    await suite.harness.punchHole!(topic, 0, 2n);
    const got = await collect(suite.log, unique('group'), [topic]);
    await eventually(() => got.problems.length > 0, 'an alarm');
    expect(got.problems[0]).toMatchObject({ kind: 'hole', topic, partition: 0 });
    await got.running.stop();
    expect(got.values()).not.toContain('3');
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
