/**
 * A consumer in a process of its own that takes its time over every batch and then says what was in it: for tests that stop
 * it in between. Run by hand: `node --conditions=source slow-member.ts '{"address": ..., "group": ..., "topics": [...], "takeMs": 300}'`.
 */
import { openEventLog } from '#event-log';
import type { LogAddress } from './harness.ts';

interface Work {
  address: LogAddress;
  group: string;
  topics: string[];
  takeMs: number;
  maxBatch: number;
}

const { address, group, topics, takeMs, maxBatch } = JSON.parse(process.argv[2]!) as Work;
const log = await openEventLog({ kafka: address.kafka, databaseUrl: address.databaseUrl, leaseMs: address.leaseMs });
const say = (line: object): void => void process.stdout.write(JSON.stringify(line) + '\n');
await log.subscribe({
  group,
  topics,
  maxBatch,
  handle: async ({ records }) => {
    const values = records.map(({ value }) => value?.toString() ?? 'null');
    say({ begun: values });
    await new Promise((resolve) => setTimeout(resolve, takeMs));
    say({ handled: values });
  },
});
process.once('SIGTERM', () => void log.close().then(() => process.exit(0)));
setInterval(() => {}, 60_000);
