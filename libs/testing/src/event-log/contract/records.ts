import { expect, it } from '@jest/globals';
import { collect, perKey } from '../collect.ts';
import { eventually } from '../eventually.ts';
import { freshTopic, text, unique } from '../harness.ts';
import type { Suite } from '../suite.ts';

/** What goes in comes out: bytes, order, completeness, promptness. */
export function itCarriesRecords(suite: Suite): void {
  it('gives back key, bytes, headers and markers as they were appended', async () => {
    const topic = await freshTopic(suite.log);
    const headers = { ce_id: '1', empty: '', name: 'Jürgen "quoted" \\ {} €' };
    const bytes = Buffer.from([0, 255, 1, 0, 92, 34]);
    await suite.log.append([
      { topic, key: 'acme:order:ü', value: bytes, headers },
      { topic, key: 'acme:order:ü', value: null, headers: {} },
      { topic, key: 'acme:order:ü', value: Buffer.alloc(0), headers: {} },
    ]);
    const got = await collect(suite.log, unique('group'), [topic]);
    await eventually(() => got.records.length === 3, '3 records');
    const [first, marker, empty] = got.records;
    expect(first).toMatchObject({ topic, key: 'acme:order:ü', value: bytes, headers, offset: 0n });
    expect(Math.abs(first!.timestamp.getTime() - Date.now())).toBeLessThan(60_000);
    expect(marker).toMatchObject({ value: null, headers: {}, offset: 1n });
    expect(empty!.value).toHaveLength(0);
    await got.running.stop();
  });

  it('keeps the order of each key, over calls that do not wait for each other', async () => {
    const topic = await freshTopic(suite.log);
    const calls: Promise<void>[] = [];
    for (let n = 0; n < 40; n++)
      calls.push(suite.log.append(['a', 'b', 'c', 'd', 'e'].map((key) => text(topic, key, `${key}${n}`))));
    await Promise.all(calls);
    const got = await collect(suite.log, unique('group'), [topic]);
    await got.until(200);
    for (const [key, values] of perKey(got.records))
      expect(values).toEqual(Array.from({ length: 40 }, (_, n) => `${key}${n}`));
    await got.running.stop();
  });

  it('skips nothing under 24 appenders, some of which commit late', async () => {
    const topic = await freshTopic(suite.log);
    const got = await collect(suite.log, unique('group'), [topic]);
    await got.running.ready();
    const others = [suite.log, await suite.harness.open(), await suite.harness.open()];
    await Promise.all(
      Array.from({ length: 24 }, async (_, writer) => {
        for (let n = 0; n < 12; n++) {
          const records = [text(topic, `w${writer}`, `${writer}:${n}`), text(topic, `x${writer}`, `x${writer}:${n}`)];
          if (suite.harness.appendSlowly && writer % 3 === 0)
            await suite.harness.appendSlowly(records, (writer * 7 + n * 13) % 40);
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

  it('hands a record on within milliseconds', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const took: number[] = [];
    let sent = 0;
    const got = await collect(suite.log, unique('group'), [topic], {
      handle: async () => void took.push(performance.now() - sent),
    });
    await got.running.ready();
    for (let n = 0; n < 30; n++) {
      sent = performance.now();
      await suite.log.append([text(topic, 'a', String(n))]);
      await got.until(n + 1);
    }
    const median = took.sort((a, b) => a - b)[15]!;
    expect(median).toBeLessThan(60); // a few ms on a quiet machine; the bound only finds a lost wake-up (250 ms)
    await got.running.stop();
  });

  it('hands on within milliseconds what another process appends while a handler is busy with the same key', async () => {
    const topic = await freshTopic(suite.log, { partitions: 3 });
    const other = await suite.harness.open();
    const took: number[] = [];
    const sentAt = new Map<string, number>();
    const got = await collect(suite.log, unique('group'), [topic], {
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
}
