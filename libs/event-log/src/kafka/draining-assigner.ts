import kafkajs from 'kafkajs';
import type { PartitionAssigner } from 'kafkajs';
import type { Draining } from './patches.ts';

/**
 * kafkajs's own way of sharing partitions, with something to do before each join: an assigner is the only thing of ours
 * that its consumer group holds on to (`patches.ts` calls it).
 */
export function drainingAssigner(beforeJoin: () => Promise<void>): PartitionAssigner {
  return (config) => {
    const assigner: ReturnType<PartitionAssigner> & Draining = {
      ...kafkajs.PartitionAssigners.roundRobin(config),
      beforeJoin,
    };
    return assigner;
  };
}
