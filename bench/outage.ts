import { connectionOf, feed, LATENCY_MS, openWorld, pause, type World } from './kit/engine.ts';
import { printReport, say, type Report } from './kit/report.ts';

const CONCURRENCY = 16;
const KEYS = 1_000;
/** of what the concurrency allows: what comes in before, during and after the outage */
const LOAD = 0.4;

/**
 * Documents come in evenly at 40 % of what the connection's concurrency allows; the target is away for a minute (or as many
 * seconds as `outage=15` says) and comes back. Measured from that moment until what waits is no more than before. The ideal
 * drains with everything the concurrency allows from the first millisecond on, while more comes in. Goal (pipeline.md section
 * 9): at most 1.15 of it. The probe that finds the target again is called every twelfth of the outage, 5 s for a minute.
 */
export default async function run(argument = '60'): Promise<Report> {
  const seconds = Number(argument);
  if (!(seconds >= 1 && seconds <= 120)) throw new Error('an outage is 1 to 120 seconds long');
  const world = await openWorld();
  try {
    const capacity = CONCURRENCY / (world.answerMs / 1_000);
    const seen = await outage(world, seconds, capacity * LOAD);
    const ideal = seen.backlog / (capacity - seen.arriving);
    const report: Report = {
      setup: [
        `concurrency ${CONCURRENCY}, a target that answers after ${LATENCY_MS} ms, ${KEYS} keys, ${seen.arriving.toFixed(0)} documents per second coming in`,
        `away for ${seconds} s: ${seen.backlog} wait when it is back, ${seen.attempts} attempts failed, ${seen.parked} parked or dead`,
      ],
      comparisons: [
        {
          figure: `drain after ${seconds} s`,
          unit: 's',
          ours: [seen.drainSeconds],
          peer: 'ideal',
          theirs: [ideal],
          goal: { atMost: 1.15 },
        },
      ],
      figures: { 'until the first is delivered after it is back, s': seen.firstSeconds },
    };
    printReport(report);
    return report;
  } finally {
    await world.close();
  }
}

async function outage(world: World, seconds: number, perSecond: number) {
  const name = 'outage';
  const breaker = { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: (seconds * 1_000) / 12 };
  const connection = connectionOf(name, world.target.url, CONCURRENCY, { breaker });
  const engine = await world.start(connection);
  const began = performance.now();
  const stop = feed(world, name, perSecond, KEYS);
  await pause(5_000);
  const usual = await world.left(name);
  await world.target.down();
  await pause(seconds * 1_000);
  const backlog = await world.left(name);
  const [failed] = await world.database.query<{ n: bigint }>(
    `select count(*) as n from attempt where outcome is distinct from 'done'`,
  );
  const before = await world.target.answered();
  await world.target.up();
  const back = performance.now();
  say(`back after ${seconds} s: ${backlog} wait, ${usual} did before`);
  let firstSeconds = 0;
  while ((await world.left(name)) > usual + CONCURRENCY) {
    if (firstSeconds === 0 && (await world.target.answered()) > before)
      firstSeconds = (performance.now() - back) / 1_000;
    await pause(50);
    if (performance.now() - back > 170_000) throw new Error('it does not drain');
  }
  const drainSeconds = (performance.now() - back) / 1_000;
  const sent = await stop();
  const arriving = sent / ((performance.now() - began) / 1_000);
  const [stuck] = await world.database.query<{ n: bigint }>(
    `select count(*) as n from delivery where status in ('PARKED', 'DEAD')`,
  );
  await engine.stop();
  return {
    backlog,
    drainSeconds,
    firstSeconds,
    arriving,
    attempts: Number(failed!.n),
    parked: Number(stuck!.n),
  };
}
