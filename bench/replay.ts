import { randomUUID } from 'node:crypto';
import type { StoredRecord } from '#contracts';
import { openTarget } from '#connectors';
import { Intake } from '../apps/delivery/src/intake.ts';
import { connectionOf, openWorld, pause, recordOf, type World } from './kit/engine.ts';
import { median, printReport, quantile, say, type Report } from './kit/report.ts';

const NAME = 'replayed';
const LIVE = 'live';
const BATCH = 500;
const LIVE_EVERY_MS = 100;

/**
 * A replay of 10,000 documents that went through long ago, twice, while others arrive: what a replay takes beside what taking the
 * same documents in for the first time takes, and what it does to the others. Each replay has to find that there is nothing to
 * do: whatever else is an error here. `replay=100000` replays more.
 */
export default async function run(argument = '10000'): Promise<Report> {
  const many = Number(argument);
  if (!(many >= 1_000 && many <= 1_000_000)) throw new Error('a replay is 1000 to 1000000 documents long');
  const world = await openWorld();
  const target = openTarget(connectionOf(NAME, world.target.url, 8), { sandbox: () => world.target.url });
  const intake = new Intake(world.database, world.metrics, () => {}, { targets: new Map([[NAME, target]]) });
  try {
    const first = await rateOf(intake, many, (n) => recordOf(NAME, n, Infinity));
    say(`${many.toLocaleString('en')} taken in: ${first.toFixed(0)}/s`);
    await wentThrough(world);
    const engine = await world.start(connectionOf(LIVE, world.target.url, 8), connectionOf(NAME, world.target.url, 8));
    const calm = live(world, 0);
    await pause(8_000);
    const alone = await calm.stop();

    const replays: number[] = [];
    const busy = live(world, 1_000_000);
    for (const round of [1, 2]) {
      replays.push(await rateOf(intake, many, (n) => replayOf(recordOf(NAME, n, Infinity))));
      say(`replayed for the ${round === 1 ? 'first' : 'second'} time: ${replays.at(-1)!.toFixed(0)}/s`);
    }
    const beside = await busy.stop();
    await judge(world, many);
    await engine.stop();

    const report: Report = {
      setup: [
        `${many.toLocaleString('en')} delivered documents, each replayed twice, ${BATCH} at a time; meanwhile ten documents a second of another connection`,
        'one process of delivery: intake and engine; a target that answers after 50 ms',
      ],
      comparisons: [
        {
          figure: 'replays that find nothing to do',
          unit: '1/s',
          ours: replays,
          peer: 'taken in for the first time',
          theirs: [first],
        },
        {
          figure: 'lag p50 of others meanwhile',
          unit: 'ms',
          ours: [median(beside)],
          peer: 'without a replay',
          theirs: [median(alone)],
        },
        {
          figure: 'lag p99 of others meanwhile',
          unit: 'ms',
          ours: [quantile(beside, 0.99)],
          peer: 'without a replay',
          theirs: [quantile(alone, 0.99)],
        },
      ],
    };
    printReport(report);
    return report;
  } finally {
    await target.close();
    await world.close();
  }
}

async function rateOf(intake: Intake, many: number, record: (n: number) => StoredRecord): Promise<number> {
  const began = performance.now();
  for (let at = 0; at < many; at += BATCH) {
    const refused = await intake.take(Array.from({ length: Math.min(BATCH, many - at) }, (_, n) => record(at + n)));
    if (refused.length > 0) throw new Error(refused[0]!.reason);
  }
  return many / ((performance.now() - began) / 1_000);
}

/** The same document, made of a replay of its event. */
function replayOf(record: StoredRecord): StoredRecord {
  const { cd_eventId: event, ...headers } = record.headers;
  return { ...record, headers: { ...headers, cd_eventId: randomUUID(), cd_replayOf: event! } };
}

/** Long ago: without the requests that made it so. */
async function wentThrough({ database }: World): Promise<void> {
  await database.query(
    `update delivery set status = 'DELIVERED', delivered_revision = 1, finished_at = clock_timestamp() where connection = $1`,
    [NAME],
  );
  await database.query(
    'update lane set due_at = null, wake = false, applied_version = 1, applied_revision = 1 where connection = $1',
    [NAME],
  );
  await database.query('vacuum analyze');
}

/** Ten documents a second of another connection; `stop` gives how long each took from intake to its end, ms. */
function live(world: World, from: number): { stop(): Promise<number[]> } {
  let stopped = false;
  let sent = 0;
  const began = new Date();
  const sending = (async () => {
    while (!stopped) {
      await world.takeIn(LIVE, from + sent, from + sent + 1, Infinity);
      sent++;
      await pause(LIVE_EVERY_MS);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await sending;
      while ((await world.left(LIVE)) > 0) await pause(50);
      const rows = await world.database.query<{ ms: number }>(
        `select (extract(epoch from finished_at - created_at) * 1000)::float8 as ms from delivery
          where connection = $1 and created_at >= $2`,
        [LIVE, began],
      );
      return rows.map(({ ms }) => ms);
    },
  };
}

/** Nothing was sent again, nothing made twice, and each replay says so. */
async function judge({ database }: World, many: number): Promise<void> {
  const [found] = await database.query<{ deliveries: number; delivered: number; attempts: number; nothing: number }>(
    `select (select count(*)::int from delivery where connection = $1) as deliveries,
            (select count(*)::int from delivery where connection = $1 and status = 'DELIVERED' and revision = 1) as delivered,
            (select count(*)::int from attempt a join delivery d on d.id = a.delivery_id where d.connection = $1) as attempts,
            (select count(*)::int from replay_outcome where flow = $1 and outcome = 'nothing') as nothing`,
    [NAME],
  );
  const expected = { deliveries: many, delivered: many, attempts: 0, nothing: 2 * many };
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`after two replays: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
}
