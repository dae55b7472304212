import { fileURLToPath } from 'node:url';
import { openDeliveryBench, ROUNDS, SETUP, type DeliveryBench } from '../../kit/delivery.ts';
import type { Delivered } from '../../kit/erp.ts';
import { printReport, type Report } from '../../kit/report.ts';

/**
 * Delivery beside NestJS's own Kafka transport, which is where a NestJS user starts: with its defaults (one event at a time
 * over all partitions) and with `partitionsConsumedConcurrently: 12` (one per partition, the most that keeps order).
 * It holds a whole partition back while one event of it fails; Crossdock holds back the key.
 */
export default async function run(): Promise<Report> {
  const bench = await openDeliveryBench();
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
  const report: Report = {
    setup: [
      ...SETUP,
      'ServerKafka: @nestjs/microservices 12.1.1 with kafkajs 2.2.4, @EventPattern, undici with keep-alive',
    ],
    comparisons: [
      {
        figure: 'delivered',
        unit: '1/s',
        ours: rates(ours),
        peer: 'ServerKafka, its defaults',
        theirs: rates(alone),
        goal: { atLeast: 200 },
      },
      {
        figure: 'delivered',
        unit: '1/s',
        ours: rates(ours),
        peer: 'ServerKafka, 12 partitions at once',
        theirs: rates(twelve),
        goal: { atLeast: 20 },
      },
    ],
  };
  printReport(report);
  return report;
}

const serverKafka = ({ brokers, topic, erp }: DeliveryBench, group: string, atOnce: number) => ({
  name: atOnce === 1 ? 'ServerKafka, its defaults' : `ServerKafka, ${atOnce} partitions at once`,
  program: process.execPath,
  args: [fileURLToPath(new URL('./app.js', import.meta.url)), brokers.join(','), topic, group, erp.url, String(atOnce)],
});
