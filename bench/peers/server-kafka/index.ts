import { fileURLToPath } from 'node:url';
import { openDeliveryBench, QUICK, ROUNDS, setupOf, type Condition, type DeliveryBench } from '../../kit/delivery.ts';
import type { Delivered } from '../../kit/erp.ts';
import { printReport, type Comparison, type Report } from '../../kit/report.ts';

/** As an ERP in the cloud answers. The goals are for `QUICK`; here it shows what decides: their rate falls with the ERP's, ours does not. */
const SLOW: Condition = { latencyMs: 200, concurrency: 512 };

/**
 * Delivery beside NestJS's own Kafka transport, which is where a NestJS user starts: with its defaults (one event at a time
 * over all partitions) and with `partitionsConsumedConcurrently: 12` (one per partition, the most that keeps order).
 * It holds a whole partition back while one event of it fails; Crossdock holds back the key.
 */
export default async function run(): Promise<Report> {
  const quick = await measured(QUICK);
  const slow = await measured(SLOW);
  const report: Report = {
    setup: [
      ...setupOf(QUICK),
      ...setupOf(SLOW),
      'ServerKafka: @nestjs/microservices 12.1.1 with kafkajs 2.2.4, @EventPattern, undici with keep-alive',
    ],
    comparisons: [
      { ...quick.alone, goal: { atLeast: 200 } },
      { ...quick.twelve, goal: { atLeast: 20 } },
      slow.alone,
      slow.twelve,
    ],
  };
  printReport(report);
  return report;
}

async function measured(condition: Condition): Promise<{ alone: Comparison; twelve: Comparison }> {
  const bench = await openDeliveryBench(condition);
  const ours: Delivered[] = [];
  const alone: Delivered[] = [];
  const twelve: Delivered[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await bench.ours(round));
      alone.push(await bench.theirs(serverKafka(bench, `default-${round}`, 1)));
      twelve.push(await bench.theirs(serverKafka(bench, `twelve-${round}`, 12)));
    }
  } finally {
    await bench.close();
  }
  const rates = (runs: readonly Delivered[]): number[] => runs.map(({ perSecond }) => perSecond);
  const beside = (peer: string, theirs: readonly Delivered[]): Comparison => ({
    figure: `delivered, ERP of ${condition.latencyMs} ms`,
    unit: '1/s',
    ours: rates(ours),
    peer,
    theirs: rates(theirs),
  });
  return {
    alone: beside('ServerKafka, its defaults', alone),
    twelve: beside('ServerKafka, 12 partitions at once', twelve),
  };
}

const serverKafka = ({ brokers, topic, erp }: DeliveryBench, group: string, atOnce: number) => ({
  name: atOnce === 1 ? 'ServerKafka, its defaults' : `ServerKafka, ${atOnce} partitions at once`,
  program: process.execPath,
  args: [fileURLToPath(new URL('./app.js', import.meta.url)), brokers.join(','), topic, group, erp.url, String(atOnce)],
});
