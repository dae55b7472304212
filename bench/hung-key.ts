import { connectionOf, feed, LATENCY_MS, openWorld, pause, type World } from './kit/engine.ts';
import { printReport, quantile, say, type Report } from './kit/report.ts';

const CONCURRENCY = 32;
const KEYS = 1_000;
/** of what the concurrency allows: a target that is not overloaded, where every hold-up shows */
const LOAD = 0.3;
const WARM_MS = 3_000;
const ROUNDS = 3;

/**
 * Two connections of the same settings side by side, into which documents come evenly at 30 % of what their concurrency
 * allows. One's target never answers one of the 1,000 keys; what the other keys get is compared with the connection where
 * nothing hangs, in the same seconds, so that whatever else the machine does weighs on both. Goal (pipeline.md section 9): at
 * least 0.99. The argument is the length of a round, default 10 s: `hung-key=5`.
 *
 * A request that hangs occupies one of the slots until its timeout, so that at full load the others can have at most
 * (concurrency - 1) / concurrency; that is measured too, without a goal.
 */
export default async function run(argument = '10'): Promise<Report> {
  const seconds = Number(argument);
  if (!(seconds >= 1 && seconds <= 30)) throw new Error('a round is 1 to 30 seconds long');
  const world = await openWorld();
  try {
    const rates = { well: [] as number[], hung: [] as number[] };
    const p99 = { well: [] as number[], hung: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      const seen = await evenly(world, String(round), seconds * 1_000);
      for (const state of ['well', 'hung'] as const) {
        const { rate, p50, p99: most } = seen[state];
        say(`${state}: ${rate.toFixed(1)} per second, lag p50 ${p50.toFixed(0)} ms, p99 ${most.toFixed(0)} ms`);
        rates[state].push(rate);
        p99[state].push(most);
      }
    }
    const full = await atOnce(world, 'full', seconds * 1_000);
    const report: Report = {
      setup: [
        `concurrency ${CONCURRENCY}, a target that answers after ${LATENCY_MS} ms, ${KEYS} keys, one of them never answered`,
        `documents come in evenly at ${LOAD * 100} % of concurrency / latency, ${ROUNDS} rounds of ${seconds} s, with and without side by side`,
      ],
      comparisons: [
        {
          figure: 'other keys with one hung',
          unit: 'delivered/s',
          ours: rates.hung,
          peer: 'without',
          theirs: rates.well,
          goal: { atLeast: 0.99 },
        },
        {
          figure: 'their lag p99',
          unit: 'ms',
          ours: p99.hung,
          peer: 'without',
          theirs: p99.well,
          goal: { atMost: 1.2 },
        },
        {
          figure: `at full load (at most ${((CONCURRENCY - 1) / CONCURRENCY).toFixed(3)})`,
          unit: 'delivered/s',
          ours: [full.hung],
          peer: 'without',
          theirs: [full.well],
        },
      ],
    };
    printReport(report);
    return report;
  } finally {
    await world.close();
  }
}

/** No other key contains this name. */
const HUNG = `k${KEYS - 1}`;

const both = (world: World, name: string) => ({
  well: connectionOf(`well-${name}`, `${world.target.url}/well`, CONCURRENCY),
  hung: connectionOf(`hung-${name}`, `${world.target.url}/hung`, CONCURRENCY),
});
const hang = (world: World): Promise<void> => world.target.hang(`/hung/entries?key=t%3Ae%3A${HUNG}`);

interface Seen {
  rate: number;
  p50: number;
  p99: number;
}

async function evenly(world: World, name: string, measureMs: number): Promise<{ well: Seen; hung: Seen }> {
  const { well, hung } = both(world, name);
  await hang(world);
  const engine = await world.start(well, hung);
  const perSecond = (LOAD * CONCURRENCY) / (world.answerMs / 1_000);
  const feeds = [well, hung].map(({ name: connection }) => feed(world, connection, perSecond, KEYS));
  await pause(WARM_MS);
  const [from] = await world.database.query<{ now: Date }>('select clock_timestamp() as now');
  await pause(measureMs);
  const [to] = await world.database.query<{ now: Date }>('select clock_timestamp() as now');
  await Promise.all(feeds.map(({ stop }) => stop()));
  const seen = {
    well: await within(world, well.name, from!.now, to!.now),
    hung: await within(world, hung.name, from!.now, to!.now),
  };
  await world.target.hang();
  await engine.stop();
  return seen;
}

async function within(world: World, connection: string, from: Date, to: Date): Promise<Seen> {
  const rows = await world.database.query<{ lag: number }>(
    `select extract(epoch from finished_at - created_at)::float8 * 1000 as lag from delivery
      where connection = $1 and status = 'DELIVERED' and record_id <> $2 and finished_at between $3 and $4`,
    [connection, HUNG, from, to],
  );
  const lags = rows.map(({ lag }) => lag);
  const seconds = (to.getTime() - from.getTime()) / 1_000;
  return { rate: lags.length / seconds, p50: quantile(lags, 0.5), p99: quantile(lags, 0.99) };
}

/** A backlog of everything at once, for both. */
async function atOnce(world: World, name: string, measureMs: number): Promise<{ well: number; hung: number }> {
  const { well, hung } = both(world, name);
  const most = Math.ceil((CONCURRENCY / (world.answerMs / 1_000)) * (measureMs / 1_000));
  await hang(world);
  await world.takeIn(well.name, 0, most, KEYS);
  await world.takeIn(hung.name, 0, most, KEYS);
  await world.database.query('vacuum analyze');
  const [from] = await world.database.query<{ now: Date }>('select clock_timestamp() as now');
  const engine = await world.start(well, hung);
  await pause(measureMs / 2);
  const [to] = await world.database.query<{ now: Date }>('select clock_timestamp() as now');
  const rates = {
    well: (await within(world, well.name, from!.now, to!.now)).rate,
    hung: (await within(world, hung.name, from!.now, to!.now)).rate,
  };
  await world.target.hang();
  await engine.stop();
  return rates;
}
