import { describe, expect, it } from '@jest/globals';
import type { Admin } from 'kafkajs';
import { topicOffsets } from './settled.ts';

const offsets = [{ partition: 0, offset: '7', high: '7', low: '3' }];

/** Answers with what is given, one after the other. */
function adminThat(...answers: (() => never)[]): Admin {
  const fetchTopicOffsets = async (): Promise<typeof offsets> => answers.shift()?.() ?? offsets;
  return { fetchTopicOffsets } as unknown as Admin;
}

describe('the bounds of a topic', () => {
  it('are asked for again while the cluster names no partition of it', async () => {
    const stumbles = (): never => (undefined as unknown as { partitions: never }).partitions;
    expect(await topicOffsets(adminThat(stumbles, stumbles), 'crm.order.v1')).toEqual(offsets);
  });

  it('are not asked for again when something else is wrong', async () => {
    const refuses = (): never => {
      throw new Error('not authorised');
    };
    await expect(topicOffsets(adminThat(refuses), 'crm.order.v1')).rejects.toThrow('not authorised');
  });
});
