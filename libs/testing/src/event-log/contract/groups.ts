import { expect, it } from '@jest/globals';
import { collect, perKey } from '../collect.ts';
import { eventually } from '../eventually.ts';
import { freshTopic, text, unique } from '../harness.ts';
import { memberWithBatchInHand } from '../killable-member.ts';
import type { Suite } from '../suite.ts';

/** Who reads what: new groups, members that come, leave, are slow or die. */
export function itSharesGroups(suite: Suite): void {
  it('starts a new group at the beginning and a known one behind what it committed', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const group = unique('group');
    await suite.log.append([text(topic, 'a', '1'), text(topic, 'a', '2')]);
    const first = await collect(suite.log, group, [topic]);
    await first.until(2);
    await first.running.stop();
    await suite.log.append([text(topic, 'a', '3')]);
    const again = await collect(suite.log, group, [topic]);
    await again.until(1);
    expect(again.values()).toEqual(['3']);
    const other = await collect(suite.log, unique('group'), [topic]);
    await other.until(3);
    expect(other.values()).toEqual(['1', '2', '3']);
    await Promise.all([again.running.stop(), other.running.stop()]);
  });

  it('tells how far a group is behind', async () => {
    const topic = await freshTopic(suite.log, { partitions: 2 });
    const group = unique('group');
    await suite.log.append([text(topic, 'a', '1'), text(topic, 'a', '2'), text(topic, 'a', '3')]);
    const before = await suite.log.lag(group, [topic]);
    expect(before).toHaveLength(2);
    expect(before.reduce((sum, partition) => sum + partition.lag, 0n)).toBe(3n);
    expect(before.every((partition) => partition.committed === null)).toBe(true);
    const got = await collect(suite.log, group, [topic]);
    await got.until(3);
    await suite.caughtUp(group, topic);
    await got.running.stop();
  });

  it('gives records again that a killed process had in hand', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const group = unique('group');
    await suite.log.append([text(topic, 'a', '1'), text(topic, 'a', '2')]);
    const member = await memberWithBatchInHand({ address: suite.harness.address, group, topics: [topic] });
    await member.kill();
    expect(await suite.behind(group, topic)).toBe(2n);
    const heir = await collect(suite.log, group, [topic]);
    await heir.until(2, 30_000);
    expect(heir.values()).toEqual(['1', '2']);
    await heir.running.stop();
  }, 60_000);

  it('shares the partitions of a group, and the rest take over when a member leaves or dies', async () => {
    const topic = await freshTopic(suite.log, { partitions: 4 });
    const group = unique('group');
    const keys = Array.from({ length: 40 }, (_, n) => `key${n}`);
    const append = (round: number) => suite.log.append(keys.map((key) => text(topic, key, `${key} ${round}`)));
    const one = await collect(suite.log, group, [topic]);
    await one.running.ready();
    const two = await collect(await suite.harness.open(), group, [topic]);
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
    const doomed = memberWithBatchInHand({ address: suite.harness.address, group, topics: [topic] });
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
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const group = unique('group');
    await suite.log.append([text(topic, 'a', '1')]);
    let slow = true;
    const got = await collect(suite.log, group, [topic], {
      handle: async ({ signal }) => {
        if (!slow) return;
        slow = false;
        await new Promise((resolve) => setTimeout(resolve, suite.harness.address.leaseMs * 1.6));
        expect(signal.aborted).toBe(false);
      },
    });
    await suite.caughtUp(group, topic);
    await suite.log.append([text(topic, 'a', '2')]);
    await got.until(2);
    expect(got.values()).toEqual(['1', '2']);
    expect(got.problems).toEqual([]);
    await got.running.stop();
  }, 60_000);

  it('loses nothing when a member joins while a handler is slow', async () => {
    const topic = await freshTopic(suite.log, { partitions: 4 });
    const group = unique('group');
    const keys = Array.from({ length: 20 }, (_, n) => `key${n}`);
    await suite.log.append(keys.map((key) => text(topic, key, `${key} first`)));
    const finish = Promise.withResolvers<void>();
    let begun = 0;
    const one = await collect(suite.log, group, [topic], {
      handle: () => {
        begun++;
        return finish.promise;
      },
    });
    await eventually(() => begun === 4, 'a batch of each partition in hand');
    const two = await collect(await suite.harness.open(), group, [topic]);
    await suite.log.append(keys.map((key) => text(topic, key, `${key} second`)));
    setTimeout(finish.resolve, 500);
    await suite.caughtUp(group, topic);
    const seen = perKey([...one.records, ...two.records]);
    for (const key of keys) expect(new Set(seen.get(key))).toEqual(new Set([`${key} first`, `${key} second`]));
    await Promise.all([one.running.stop(), two.running.stop()]);
  }, 60_000);
}
