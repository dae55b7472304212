// The same as npm/append.mjs through our event log.
import { openEventLog } from '#event-log';

const [brokers = '', topic = '', batches, size] = process.argv.slice(2);
const log = await openEventLog({ kafka: { brokers: brokers.split(',') } });
const value = Buffer.alloc(1024, 0x5a);
const headers = {
  ce_specversion: '1.0',
  ce_id: '4d7c1f0e-0000-4000-8000-000000000000',
  ce_type: 'crm.order.updated',
  ce_source: '/crm',
  ce_aggregateversion: '17',
  'content-type': 'application/avro',
};
const append = (): Promise<void> =>
  log.append(Array.from({ length: Number(size) }, (_, n) => ({ topic, key: `t:order:${n % 1000}`, value, headers })));
for (let warm = 0; warm < 3; warm++) await append();
const cpu = process.cpuUsage();
const began = performance.now();
for (let batch = 0; batch < Number(batches); batch++) await append();
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ seconds, cpu: (user + system) / 1e6 })}\n`);
await log.close();
