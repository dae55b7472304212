import { openDeliveryBench, QUICK, ROUNDS, setupOf, type DeliveryBench } from '../../kit/delivery.ts';
import type { Delivered } from '../../kit/erp.ts';
import { fromGo, recipe } from '../../kit/install.ts';
import { median, printReport, type Report } from '../../kit/report.ts';

type Mode = 'ordered' | 'unordered';

/**
 * Delivery beside Bento, a stream processor in Go: with one message per partition in hand, which keeps order, and with 256
 * at once, which does not; the second shows what the machine gives when nobody asks for order.
 */
export default async function run(): Promise<Report> {
  const binary = await fromGo('bento');
  const bench = await openDeliveryBench(QUICK);
  const ours: Delivered[] = [];
  const theirs: Record<Mode, Delivered[]> = { ordered: [], unordered: [] };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await bench.ours(round));
      for (const mode of ['ordered', 'unordered'] as const)
        theirs[mode].push(await bench.theirs(bento(bench, binary, mode, round)));
    }
  } finally {
    await bench.close();
  }
  const rates = (runs: readonly Delivered[]): number[] => runs.map(({ perSecond }) => perSecond);
  const report: Report = {
    setup: [
      ...setupOf(QUICK),
      'Bento 1.5.0: input kafka with checkpoint_limit 1, or kafka_franz with max_in_flight 256',
    ],
    comparisons: [
      {
        figure: 'delivered',
        unit: '1/s',
        ours: rates(ours),
        peer: 'Bento, in order',
        theirs: rates(theirs.ordered),
        goal: { atLeast: 5 },
      },
      {
        figure: 'delivered',
        unit: '1/s',
        ours: rates(ours),
        peer: 'Bento, out of order',
        theirs: rates(theirs.unordered),
      },
    ],
    figures: {
      'documents that overtook an older one of their key, Crossdock': median(ours.map((run) => run.outOfOrder)),
      'documents that overtook, Bento out of order': median(theirs.unordered.map((run) => run.outOfOrder)),
    },
  };
  printReport(report);
  return report;
}

const bento = ({ brokers, topic, erp }: DeliveryBench, binary: string, mode: Mode, round: number) => ({
  name: mode === 'ordered' ? 'Bento, in order' : 'Bento, out of order',
  program: binary,
  args: ['-c', recipe('bento', `${mode}.yaml`)],
  env: { BROKERS: brokers.join(','), TOPIC: topic, GROUP: `bento-${mode}-${round}`, ERP: erp.url },
});
