import { openDeliveryBench, QUICK, ROUNDS, setupOf, type DeliveryBench } from '../../kit/delivery.ts';
import type { Delivered } from '../../kit/erp.ts';
import { fromMaven, recipe } from '../../kit/install.ts';
import { printReport, type Report } from '../../kit/report.ts';

const PARTITIONS = 12;

/**
 * Delivery beside an Apache Camel route with a consumer per partition and a dead letter channel. It keeps the order of what
 * it delivers; after a dead letter the key goes on past the gap, where Crossdock holds the key.
 */
export default async function run(): Promise<Report> {
  const classPath = await fromMaven('camel');
  const bench = await openDeliveryBench(QUICK);
  const ours: Delivered[] = [];
  const theirs: Delivered[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await bench.ours(round));
      theirs.push(await bench.theirs(camel(bench, classPath, `camel-${round}`)));
    }
  } finally {
    await bench.close();
  }
  const report: Report = {
    setup: [
      ...setupOf(QUICK),
      `Camel 4.14.0: camel-main, camel-kafka with ${PARTITIONS} consumers, camel-http with 256 connections, dead letter channel after 3 redeliveries`,
    ],
    comparisons: [
      {
        figure: 'delivered',
        unit: '1/s',
        ours: ours.map(({ perSecond }) => perSecond),
        peer: `Camel, ${PARTITIONS} consumers`,
        theirs: theirs.map(({ perSecond }) => perSecond),
        goal: { atLeast: 5 },
      },
    ],
  };
  printReport(report);
  return report;
}

const camel = ({ brokers, topic, erp }: DeliveryBench, classPath: string, group: string) => ({
  name: `Camel, ${PARTITIONS} consumers`,
  program: 'java',
  args: [
    '-Xmx512m',
    `-Dlog4j2.configurationFile=${recipe('camel', 'log4j2.properties')}`,
    '-cp',
    classPath,
    recipe('camel', 'Deliver.java'),
    brokers.join(','),
    topic,
    group,
    erp.url,
    String(PARTITIONS),
  ],
});
