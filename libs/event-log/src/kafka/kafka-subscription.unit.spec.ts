import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { Kafka } from 'kafkajs';
import type { LogProblem } from '#contracts';
import { KafkaSubscription } from './kafka-subscription.ts';

describe('a member of a Kafka group', () => {
  it('says once that it cannot reach its group, however often kafkajs starts again, and again at the next time', async () => {
    const kafkajs = new EventEmitter();
    const consumer = {
      events: { GROUP_JOIN: 'join', CRASH: 'crash' },
      on: (event: string, told: () => void) => kafkajs.on(event, told),
      connect: async () => {},
      subscribe: async () => {},
      run: async () => {},
      resume: () => {},
      disconnect: async () => {},
    };
    const problems: LogProblem[] = [];
    const subscription = new KafkaSubscription(
      { group: 'mapper', topics: ['t'], handle: async () => {}, onProblem: (problem) => problems.push(problem) },
      {
        kafka: { consumer: () => consumer } as unknown as Kafka,
        append: async () => {},
        sessionMs: 10_000,
        bounds: async () => ({ start: 0n, end: 0n }),
        untouched: async () => [],
      },
    );
    await subscription.start();
    const crash = (reason: string) => kafkajs.emit('crash', { payload: { error: new Error(reason), restart: true } });
    const join = () => kafkajs.emit('join', { payload: { memberId: 'm', memberAssignment: {} } });
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
});
