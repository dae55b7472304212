import { createRequire } from 'node:module';
import { describe, expect, it, jest } from '@jest/globals';
import { patchKafkajs } from './patches.ts';

const require = createRequire(import.meta.url);

describe('kafkajs as we mended it', () => {
  it('does not let a commit that is tried again go through under the generation of a later join', async () => {
    patchKafkajs();
    const { prototype: group } = require('kafkajs/src/consumer/consumerGroup') as {
      prototype: { commitOffsets(this: object, offsets?: object): Promise<void> };
    };
    const stored: string[] = [];
    const generation = (name: string, answers: (Error | undefined)[]) => ({
      commitOffsets: async (): Promise<void> => {
        const failure = answers.shift();
        if (failure) throw failure;
        stored.push(name);
      },
    });
    const slow = new Error('the coordinator could not store it in time');
    const member = { offsetManager: generation('first', [slow, slow]) };
    const commit = (offsets?: object): Promise<void> => group.commitOffsets.call(member, offsets);
    const late = { topics: [] };
    await expect(commit(late)).rejects.toBe(slow);
    await expect(commit(late)).rejects.toBe(slow);
    member.offsetManager = generation('second', []);
    await expect(commit(late)).rejects.toMatchObject({ name: 'KafkaJSNonRetriableError', retriable: false });
    expect(stored).toEqual([]);
    await commit({ topics: [] });
    await commit();
    expect(stored).toEqual(['second', 'second']);
  });

  it('tells the group that it lives also after the wall clock was put back', async () => {
    patchKafkajs();
    const { prototype: group } = require('kafkajs/src/consumer/consumerGroup') as { prototype: object };
    const ConsumerGroup = group.constructor as new (options: object) => {
      memberId: string;
      coordinator: object;
      heartbeat(options: { interval: number }): Promise<void>;
    };
    const log = { namespace: () => ({}) };
    const member = new ConsumerGroup({
      retry: {},
      cluster: {},
      topics: [],
      logger: log,
      instrumentationEmitter: { emit: () => {} },
    });
    let told = 0;
    member.memberId = 'm';
    member.coordinator = { heartbeat: async () => void told++ };
    const interval = 10_000;
    await member.heartbeat({ interval });
    expect(told).toBe(0); // it has just begun
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now - 3_600_000);
    await member.heartbeat({ interval });
    await member.heartbeat({ interval });
    expect(told).toBe(1);
    jest.restoreAllMocks();
  });
});
