import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { EachBatchPayload, Kafka } from 'kafkajs';
import type { LogProblem } from '#contracts';
import { KafkaSubscription } from './kafka-subscription.ts';
import type { KafkaSubscriptionOptions } from './kafka-subscription.ts';

type EachBatch = (payload: EachBatchPayload) => Promise<void>;

/** A member whose kafkajs is the test: it says what happens, and gives batches. */
async function member(untouched: KafkaSubscriptionOptions['untouched']) {
  const kafkajs = new EventEmitter();
  let eachBatch!: EachBatch;
  const consumer = {
    events: { GROUP_JOIN: 'join', CRASH: 'crash' },
    on: (event: string, told: () => void) => kafkajs.on(event, told),
    connect: async () => {},
    subscribe: async () => {},
    run: async (given: { eachBatch: EachBatch }) => void (eachBatch = given.eachBatch),
    resume: () => {},
    commitOffsets: async () => {},
    disconnect: async () => {},
  };
  const problems: LogProblem[] = [];
  const handled: bigint[] = [];
  const subscription = new KafkaSubscription(
    {
      group: 'mapper',
      topics: ['t'],
      handle: async ({ records }) => void handled.push(...records.map(({ offset }) => offset)),
      onProblem: (problem) => problems.push(problem),
    },
    {
      kafka: { consumer: () => consumer } as unknown as Kafka,
      append: async () => {},
      sessionMs: 10_000,
      bounds: async () => ({ start: 0n, end: 0n }),
      untouched,
    },
  );
  await subscription.start();
  return {
    subscription,
    problems,
    handled,
    join: (memberAssignment: Record<string, number[]> = {}) =>
      kafkajs.emit('join', { payload: { memberId: 'm', memberAssignment } }),
    crash: (reason: string) => kafkajs.emit('crash', { payload: { error: new Error(reason), restart: true } }),
    give: (offset: string) => {
      const messages = [{ offset, key: Buffer.from('k'), value: null, timestamp: '0', headers: {} }];
      const batch = { topic: 't', partition: 0, fetchedOffset: offset, messages, messagesWithinOffset: messages };
      return eachBatch({ batch, resolveOffset: () => {}, pause: () => () => {} } as unknown as EachBatchPayload);
    },
  };
}

describe('a member of a Kafka group', () => {
  afterEach(() => void jest.useRealTimers());

  it('says once that it cannot reach its group, however often kafkajs starts again, and again at the next time', async () => {
    const { subscription, problems, join, crash } = await member(async () => []);
    join();
    crash('No broker available');
    crash('The coordinator is loading and hence can’t process requests for this group');
    crash('Closed connection');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      kind: 'unavailable',
      message: 'the consumer of mapper failed and is started again',
    });
    join();
    crash('Closed connection');
    expect(problems).toHaveLength(2);
    await subscription.stop();
  });

  it('handles what comes, and says so, when nobody answers after a join where the group stands', async () => {
    const { subscription, problems, handled, join, give } = await member(() => new Promise(() => {}));
    jest.useFakeTimers();
    join({ t: [0] });
    void give('7');
    await jest.advanceTimersByTimeAsync(4_000);
    expect(handled).toEqual([]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(handled).toEqual([7n]);
    expect(problems).toMatchObject([{ kind: 'unavailable', message: 'cannot tell where mapper stands; it goes on' }]);
    jest.useRealTimers();
    await subscription.stop();
  });
});
