import { connectionOf, LATENCY_MS, openWorld, pause, type World } from './kit/engine.ts';
import { printReport, type Comparison, type Report } from './kit/report.ts';

const KEYS = 1_000;
/** concurrency of the connection, and how many events to send with it */
const RUNS = [
  { concurrency: 16, events: 3_000 },
  { concurrency: 32, events: 5_000 },
  { concurrency: 64, events: 8_000 },
] as const;

/**
 * A backlog over 1,000 keys, delivered through the real `rest` target to an HTTP server that answers after 50 ms. The
 * reference is what the connection's concurrency allows: concurrency / latency, with the latency measured in the same run.
 * Goal (pipeline.md section 9): at least 0.9 of it. Every event counts (facts of the kind `each`), so none is superseded.
 */
export default async function run(): Promise<Report> {
  const world = await openWorld();
  try {
    const comparisons: Comparison[] = [];
    const figures: Record<string, number> = {};
    for (const { concurrency, events } of RUNS) {
      const seen = await once(world, concurrency, events);
      comparisons.push({
        figure: `concurrency ${concurrency}`,
        unit: 'delivered/s',
        ours: [seen.rate],
        peer: `${concurrency} / ${world.answerMs.toFixed(1)} ms`,
        theirs: [concurrency / (world.answerMs / 1_000)],
        goal: { atLeast: 0.9 },
      });
      figures[`concurrency ${concurrency}: CPU of our process per event, us`] = seen.cpu;
      figures[`concurrency ${concurrency}: taken in per second`] = seen.intake;
    }
    const setup = [`a backlog over ${KEYS} keys, a target that answers after ${LATENCY_MS} ms`];
    const report: Report = { setup, comparisons, figures };
    printReport(report);
    return report;
  } finally {
    await world.close();
  }
}

async function once(world: World, concurrency: number, events: number) {
  const connection = connectionOf(`bench-${concurrency}`, world.target.url, concurrency);
  const tookIn = performance.now();
  await world.takeIn(connection.name, 0, events, KEYS);
  const intake = events / ((performance.now() - tookIn) / 1_000);
  await world.database.query('vacuum analyze');
  const before = await world.target.answered();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const engine = await world.start(connection);
  while ((await world.target.answered()) < before + events) await pause(20);
  while ((await world.left(connection.name)) > 0) await pause(20);
  const seconds = (performance.now() - began) / 1_000;
  const used = process.cpuUsage(cpu);
  await engine.stop();
  return { rate: events / seconds, cpu: (used.user + used.system) / events, intake };
}
