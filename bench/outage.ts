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
 * 9): at most 1.15 of it. Beside it the drain with what the machine got through at full load just before. The probe that finds the target again is called every twelfth of the outage, 5 s for a minute.
 */
export default async function run(argument = '60'): Promise<Report> {
  const seconds = Number(argument);
  if (!(seconds >= 1 && seconds <= 120)) throw new Error('an outage is 1 to 120 seconds long');
  const world = await openWorld();
  try {
    const capacity = CONCURRENCY / (world.answerMs / 1_000);
    const atFullLoad = await fullLoad(world);
    const seen = await outage(world, seconds, Math.min(capacity, atFullLoad) * LOAD);
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
        {
          figure: 'the same',
          unit: 's',
          ours: [seen.drainSeconds],
          peer: `at the ${atFullLoad.toFixed(0)}/s of before`,
          theirs: [seen.backlog / (atFullLoad - seen.arriving)],
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

/** What this machine gets through at present, per second: on a busy one less than the concurrency allows. */
async function fullLoad(world: World): Promise<number> {
  const connection = connectionOf('full', world.target.url, CONCURRENCY);
  await world.takeIn(connection.name, 0, 1_000, KEYS);
  const before = await world.target.answered();
  const engine = await world.start(connection);
  const began = performance.now();
  while ((await world.target.answered()) < before + 1_000) await pause(20);
  const rate = 1_000 / ((performance.now() - began) / 1_000);
  await engine.stop();
  return rate;
}

async function outage(world: World, seconds: number, perSecond: number) {
  const name = 'outage';
  const breaker = { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: (seconds * 1_000) / 12 };
  const connection = connectionOf(name, world.target.url, CONCURRENCY, { breaker });
  const engine = await world.start(connection);
  const began = performance.now();
  const documents = feed(world, name, perSecond, KEYS);
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
  // what is answered says nearly the same as the tables and costs them nothing
  const atBack = documents.sent();
  for (let waiting = backlog; waiting > usual + CONCURRENCY; await pause(20)) {
    const answered = (await world.target.answered()) - before;
    if (firstSeconds === 0 && answered > 0) firstSeconds = (performance.now() - back) / 1_000;
    waiting = backlog + documents.sent() - atBack - answered;
    if (waiting <= usual + CONCURRENCY) waiting = await world.left(name);
    if (performance.now() - back > 170_000) throw new Error('it does not drain');
  }
  const drainSeconds = (performance.now() - back) / 1_000;
  await documents.stop();
  const arriving = documents.sent() / ((performance.now() - began) / 1_000);
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
