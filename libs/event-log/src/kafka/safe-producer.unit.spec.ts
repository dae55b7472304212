import { describe, expect, it } from '@jest/globals';
import type { RawProducer, SafeMessage } from './raw-producer.ts';
import { SafeProducer } from './safe-producer.ts';

interface Sent {
  producer: number;
  partition: number;
  keys: string[];
  ok(): void;
  fail(cause: Error): void;
}

/** A client seen from its caller: what was sent by which producer, ended when the test says so. */
function pretendClient() {
  const sent: Sent[] = [];
  const closed: number[] = [];
  let producers = 0;
  const newProducer = (): RawProducer => {
    const producer = ++producers;
    return {
      send: (_topic: string, partition: number, messages: readonly SafeMessage[]) =>
        new Promise<void>((ok, fail) =>
          sent.push({ producer, partition, keys: messages.map(({ key }) => key), ok, fail }),
        ),
      close: async () => void closed.push(producer),
    };
  };
  return { newProducer, sent, closed };
}

const message = (key: string) => ({ key, value: null, headers: {} });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the safe producer', () => {
  it('sends one partition at a time and one batch of it at a time, others beside it', async () => {
    const { newProducer, sent } = pretendClient();
    const producer = new SafeProducer(newProducer);
    const all = [
      producer.send('t', 0, [[message('a')], [message('b')]]),
      producer.send('t', 0, [[message('c')]]),
      producer.send('t', 1, [[message('d')]]),
    ];
    const keys = () => sent.map((each) => each.keys.map((key) => `${key}${each.partition}`));
    await turn();
    expect(keys()).toEqual([['a0'], ['d1']]);
    sent[1]!.ok();
    sent[0]!.ok();
    await turn();
    expect(keys().at(-1)).toEqual(['b0']);
    sent[2]!.ok();
    await turn();
    expect(keys().at(-1)).toEqual(['c0']);
    sent[3]!.ok();
    await Promise.all(all);
    expect(sent.every((each) => each.producer === 1)).toBe(true);
  });

  it('takes a new producer after a failure, closes the old one when its last send has ended, and lets nothing overtake', async () => {
    const { newProducer, sent, closed } = pretendClient();
    const producer = new SafeProducer(newProducer);
    const end = (promise: Promise<void>) =>
      promise.then(
        () => 'sent',
        (error: Error) => error.message,
      );
    const elsewhere = end(producer.send('t', 1, [[message('x')]]));
    const first = end(producer.send('t', 0, [[message('a')], [message('never')]]));
    const behind = end(producer.send('t', 0, [[message('b')]]));
    await turn();
    sent[1]!.fail(new Error('OUT_OF_ORDER_SEQUENCE_NUMBER'));
    expect(await first).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await behind).toBe('an earlier batch for t/0 failed');
    const again = end(producer.send('t', 0, [[message('a')]]));
    await turn();
    expect(sent.map(({ producer: by }) => by)).toEqual([1, 1, 2]);
    expect(closed).toEqual([]);
    sent[0]!.ok();
    sent[2]!.ok();
    expect([await elsewhere, await again]).toEqual(['sent', 'sent']);
    expect(closed).toEqual([1]);
    await producer.close();
    expect(closed).toEqual([1, 2]);
  });
});
