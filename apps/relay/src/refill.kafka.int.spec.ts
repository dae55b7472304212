import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deleteRecords, openEventLog, startKafkaBroker } from '#event-log';
import { describeRefill } from '../test/describe-refill.ts';

describeRefill('Kafka', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-refill-'));
  const cache = join(process.cwd(), '.crossdock', 'kafka-jars');
  const broker = await startKafkaBroker({ dir: join(dir, 'broker'), heap: '256m', cache });
  const log = await openEventLog({ kafka: { brokers: broker.brokers }, leaseMs: 2_000 });
  return {
    log,
    passRetention: (topic, partition, before) => deleteRecords(broker.brokers, topic, partition, before),
    close: async () => {
      await log.close();
      await broker.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});
