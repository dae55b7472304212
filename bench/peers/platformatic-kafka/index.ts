import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { declareTopics } from '#contracts';
import { openEventLog, startKafkaBroker } from '#event-log';
import { packageRoot } from '#platform';
import { fromNpm } from '../../kit/install.ts';
import { PeerProcess } from '../../kit/peer-process.ts';
import { median, printReport, type Report } from '../../kit/report.ts';

const ROUNDS = 3;
const BATCHES = 25;
const SIZE = 4_000;
const TOPIC = 'crm.bench.v1';

interface Appended {
  perSecond: number;
  cpuMicros: number;
}

/**
 * Not a relay but what one is made of: our log's append, which is kafkajs in the only way that loses nothing, beside the
 * producer of @platformatic/kafka, idempotent and acknowledged by all replicas. Says how much of the relay's time is the client.
 */
export default async function run(): Promise<Report> {
  const folder = await fromNpm('platformatic-kafka', ['append.mjs']);
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  const cache = join(packageRoot(), '.crossdock', 'kafka-jars');
  const broker = await startKafkaBroker({ dir: join(dir, 'kafka'), heap: '1g', cache });
  const ours: Appended[] = [];
  const theirs: Appended[] = [];
  try {
    const log = await openEventLog({ kafka: { brokers: broker.brokers } });
    await log.ensureTopics([{ ...declareTopics([])[0]!, name: TOPIC }]);
    await log.close();
    const own = fileURLToPath(new URL('./own.js', import.meta.url));
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await append(own, process.cwd(), broker.brokers));
      theirs.push(await append(join(folder, 'append.mjs'), folder, broker.brokers));
    }
  } finally {
    await broker.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  const report: Report = {
    setup: [
      `${BATCHES * SIZE} records of 1 KiB with six headers, ${SIZE} an append, each append after the one before, 12 partitions, one broker; ${ROUNDS} rounds, alternating, medians`,
      '@platformatic/kafka 2.12.1, idempotent, acks all, compatible partitioner',
    ],
    comparisons: [
      {
        figure: 'appended',
        unit: '1/s',
        ours: ours.map(({ perSecond }) => perSecond),
        peer: '@platformatic/kafka',
        theirs: theirs.map(({ perSecond }) => perSecond),
      },
      {
        figure: 'CPU of Node per record',
        unit: 'us',
        ours: ours.map(({ cpuMicros }) => cpuMicros),
        peer: '@platformatic/kafka',
        theirs: theirs.map(({ cpuMicros }) => cpuMicros),
      },
    ],
    figures: { 'our CPU per record, us': median(ours.map(({ cpuMicros }) => cpuMicros)) },
  };
  printReport(report);
  return report;
}

async function append(file: string, cwd: string, brokers: readonly string[]): Promise<Appended> {
  const appending = new PeerProcess({
    name: file,
    program: process.execPath,
    args: [file, brokers.join(','), TOPIC, String(BATCHES), String(SIZE)],
    cwd,
  });
  const line = await appending.until('it has appended all', () => /^\{.*\}$/m.exec(appending.said)?.[0]);
  const { seconds, cpu } = JSON.parse(line) as { seconds: number; cpu: number };
  await appending.stop();
  return { perSecond: (BATCHES * SIZE) / seconds, cpuMicros: (cpu / (BATCHES * SIZE)) * 1e6 };
}
