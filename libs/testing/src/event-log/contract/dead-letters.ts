import { expect, it } from '@jest/globals';
import { CrossdockError } from '#contracts';
import { decodeBatch } from '#event-log';
import { collect } from '../collect.ts';
import { eventually } from '../eventually.ts';
import { declaration, freshTopic, text, unique } from '../harness.ts';
import type { Suite } from '../suite.ts';

/** What cannot be used is set aside before anything is committed; what may work later waits. */
export function itKeepsDeadLetters(suite: Suite): void {
  it('commits nothing until the dead letter is written, original bytes and headers kept', async () => {
    const topic = await freshTopic(suite.log, { partitions: 1, deadLetters: false });
    const group = unique('group');
    const value = Buffer.from([7, 0, 255]);
    await suite.log.append([{ topic, key: 'k', value, headers: { ce_id: 'e1' } }, text(topic, 'k', 'fine')]);
    const got = await collect(suite.log, group, [topic], {
      handle: async ({ records }) => [{ record: records[0]!, reason: 'broken\nbytes', stage: 'mapper' }],
    });
    await eventually(() => got.problems.length >= 2, 'the missing dead-letter topic is a problem');
    expect(await suite.behind(group, topic)).toBe(2n);
    await suite.log.ensureTopics([declaration(`${topic}.dead-letter`, { partitions: 1 })]);
    await suite.caughtUp(group, topic);
    await got.running.stop();
    const dead = await collect(suite.log, unique('group'), [`${topic}.dead-letter`]);
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
    const topic = await freshTopic(suite.log, { partitions: 1 });
    const framed = (id: number, body: string): Buffer => {
      const head = Buffer.alloc(5);
      head.writeInt32BE(id, 1);
      return Buffer.concat([head, Buffer.from(body)]);
    };
    const record = (value: Buffer | null) => ({ topic, key: 'k', value, headers: {} });
    await suite.log.append(
      [framed(1, 'good'), Buffer.from('x'), framed(404, 'lost'), null, framed(1, 'last')].map(record),
    );
    let away = 3;
    const registry = {
      byId: async (id: number) => {
        if (away-- > 0) throw new CrossdockError('CROSSDOCK_SCHEMA_UNREACHABLE', 'no answer', { retryable: true });
        return id === 1 ? { name: 'one' } : ('unknown' as const);
      },
    };
    const read: string[] = [];
    const got = await collect(suite.log, unique('group'), [topic], {
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
    const dead = await collect(suite.log, unique('group'), [`${topic}.dead-letter`]);
    await dead.until(2);
    expect(read).toEqual(['good', 'marker', 'last']);
    expect(got.problems.map((problem) => problem.kind)).toEqual(Array(3).fill('handler-failed'));
    expect(dead.records.map((letter) => letter.headers['dl_reason'])).toEqual([
      expect.stringContaining('not framed'),
      expect.stringContaining('no schema 404'),
    ]);
    await Promise.all([got.running.stop(), dead.running.stop()]);
  });
}
