/**
 * A consumer in a process of its own that can be killed: takes a batch, says so on its standard output, and never
 * finishes it. Run by the contract suite: `node --conditions=source member.ts '{"address": ..., "group": ..., "topics": [...]}'`.
 */
import { openEventLog } from '#event-log';
import type { LogAddress } from './harness.ts';

interface Work {
  address: LogAddress;
  group: string;
  topics: string[];
}

const { address, group, topics } = JSON.parse(process.argv[2]!) as Work;
const log = await openEventLog({
  kafka: address.kafka,
  databaseUrl: address.databaseUrl,
  leaseMs: address.leaseMs,
});
await log.subscribe({
  group,
  topics,
  handle: async ({ topic, partition, records }) => {
    process.stdout.write(JSON.stringify({ topic, partition, count: records.length }) + '\n');
    await new Promise(() => {});
  },
});
setInterval(() => {}, 60_000);
