// What must stay bounded, sampled every five seconds, and the table of it.
import { STAGES } from './world.mjs';

const TABLES = ['outbox', 'log_record', 'captured', 'delivery', 'attempt', 'lane', 'relay_cursor', 'history'];
/** Bounds: MiB a process may hold, MiB a minute its heap and the rest may each grow once warm, and so on. */
const BOUND = { rss: 400, slope: 2, loopP99: 0.5, connections: 120, smallTable: 8 };
/** what starts is warm after a few minutes; the slope of a shorter life says nothing about growth */
const LIFE_MINUTES = 15;
/** between two large collections of garbage lie minutes: what was least within so many of them is what was really held */
const COLLECTION_MINUTES = 4;
/** tables with a row or two that are changed all the time: autovacuum must keep up */
const SMALL = ['relay_cursor', 'history'];

export async function sample(world, database, events) {
  const at = performance.now();
  const processes = {};
  await Promise.all(
    STAGES.map(async (name) => {
      const stage = world.stages.get(name);
      const text = await fetch(stage.metricsUrl, { signal: AbortSignal.timeout(2_000) }).then(
        (answer) => answer.text(),
        () => '',
      );
      const value = (metric) => Number(new RegExp(`^${metric} (\\S+)`, 'm').exec(text)?.[1] ?? NaN);
      processes[name] = {
        life: stage.starts,
        rss: value('crossdock_process_resident_memory_bytes') / 2 ** 20,
        heap: value('crossdock_nodejs_heap_size_used_bytes') / 2 ** 20,
        reserved: value('crossdock_nodejs_heap_size_total_bytes') / 2 ** 20,
        loop: value('crossdock_nodejs_eventloop_lag_p99_seconds'),
      };
    }),
  );
  const [{ connections }] = await database.query(
    "select count(*)::integer as connections from pg_stat_activity where backend_type = 'client backend'",
  );
  const sizes = await database.query(
    `select relname as name, (select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = c.oid)::float8 as parts,
       pg_total_relation_size(c.oid)::float8 as own
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'crossdock' and relname = any($1)`,
    [TABLES],
  );
  const [{ unfinished, lag }] = await database.query(
    `select (select count(*)::integer from delivery where status in ('PENDING', 'IN_FLIGHT', 'UNKNOWN', 'RETRY_WAIT')) as unfinished,
       (select percentile_cont(0.99) within group (order by extract(epoch from finished_at - accepted_at))::float8
        from delivery where finished_at > clock_timestamp() - interval '30 s') as lag`,
  );
  return {
    at,
    events,
    processes,
    connections,
    unfinished,
    lag,
    tables: Object.fromEntries(sizes.map(({ name, parts, own }) => [name, (parts ?? own) / 2 ** 20])),
  };
}

export function summary(samples, minutes) {
  const broken = [];
  const lines = [
    `${'process'.padEnd(10)}${'starts'.padStart(7)}${'RSS max'.padStart(9)}${'last'.padStart(7)}${'heap/min'.padStart(10)}${'rest/min'.padStart(10)}${'over'.padStart(8)}${'loop p99 max'.padStart(14)}${'median'.padStart(9)}`,
  ];
  for (const name of STAGES) {
    const seen = samples
      .map(({ at, processes }) => ({ at, ...processes[name] }))
      .filter(({ rss }) => Number.isFinite(rss));
    const max = Math.max(...seen.map(({ rss }) => rss));
    const last = seen.at(-1)?.rss ?? NaN;
    const loops = seen
      .map(({ loop }) => loop)
      .filter(Number.isFinite)
      .toSorted((a, b) => a - b);
    const { heap, rest, lived } = growth(seen);
    const shown = (slope) => (slope === undefined ? '-' : slope.toFixed(2)).padStart(10);
    const loopMedian = loops[loops.length >> 1] ?? NaN;
    lines.push(
      name.padEnd(10) +
        String(seen.at(-1)?.life ?? 0).padStart(7) +
        max.toFixed(0).padStart(9) +
        last.toFixed(0).padStart(7) +
        shown(heap) +
        shown(rest) +
        `${lived.toFixed(0)} min`.padStart(8) +
        `${(Math.max(...loops) * 1000).toFixed(0)} ms`.padStart(14) +
        `${(loopMedian * 1000).toFixed(0)} ms`.padStart(9),
    );
    if (!(max < BOUND.rss)) broken.push(`${name} held ${max.toFixed(0)} MiB, more than ${BOUND.rss}`);
    if (heap === undefined && minutes >= 2 * LIFE_MINUTES)
      broken.push(`${name} lived ${lived.toFixed(0)} minutes at most: too short to tell whether it grows`);
    if (heap > BOUND.slope) broken.push(`${name}: its heap grows by ${heap.toFixed(2)} MiB a minute`);
    if (rest > BOUND.slope) broken.push(`${name} grows beside its heap by ${rest.toFixed(2)} MiB a minute`);
    if (loopMedian > BOUND.loopP99)
      broken.push(`${name}: event loop p99 ${(loopMedian * 1000).toFixed(0)} ms in the median`);
  }
  const [first, end] = [samples[0], samples.at(-1)];
  const events = Math.max(1, end.events - first.events);
  lines.push('', `${'table'.padEnd(14)}${'MiB first'.padStart(10)}${'last'.padStart(8)}${'bytes/event'.padStart(13)}`);
  for (const name of TABLES) {
    const [before, after] = [first.tables[name] ?? 0, end.tables[name] ?? 0];
    lines.push(
      name.padEnd(14) +
        before.toFixed(1).padStart(10) +
        after.toFixed(1).padStart(8) +
        (((after - before) * 2 ** 20) / events).toFixed(0).padStart(13),
    );
    if (SMALL.includes(name) && after > BOUND.smallTable) broken.push(`${name} has ${after.toFixed(1)} MiB`);
  }
  const connections = samples.map((one) => one.connections);
  const lags = samples.map((one) => one.lag).filter((lag) => typeof lag === 'number');
  lines.push(
    '',
    `connections to PostgreSQL: at most ${Math.max(...connections)}, last ${connections.at(-1)}`,
    `waiting deliveries: at most ${Math.max(...samples.map((one) => one.unfinished))}, last ${end.unfinished}`,
    `lag p99 over 30 s: median ${quantile(lags, 0.5).toFixed(2)} s, worst ${quantile(lags, 1).toFixed(1)} s (outages included)`,
  );
  if (Math.max(...connections) > BOUND.connections) broken.push(`${Math.max(...connections)} connections`);
  return { lines, broken };
}

/**
 * MiB a minute, in the longest life of a process without that life's first third: of what its heap held at the least (garbage that
 * waits for its collection is no growth), and of all that it holds beside the heap. What V8 keeps for later is neither: the bound of
 * the whole is for that. Of a life below `LIFE_MINUTES` only how long it was, minutes.
 */
function growth(seen) {
  const lives = Object.values(Object.groupBy(seen, ({ life }) => life));
  const life = lives.toSorted((a, b) => b.at(-1).at - b[0].at - (a.at(-1).at - a[0].at))[0] ?? [];
  const minutes = life.map((one) => ({ ...one, minute: (one.at - life[0].at) / 60_000 }));
  const lived = minutes.at(-1)?.minute ?? 0;
  if (lived < LIFE_MINUTES) return { lived };
  const warm = minutes.filter(({ minute }) => minute > lived / 3);
  return {
    lived,
    heap: slopeOf(warm, COLLECTION_MINUTES, ({ heap }) => heap),
    rest: slopeOf(warm, 1, ({ rss, reserved }) => rss - reserved),
  };
}

/** Of the least values of stretches of so many minutes, counted from the end; what is left over at the beginning is too short to tell. */
function slopeOf(samples, stretch, of) {
  const end = samples.at(-1).minute;
  const whole = Math.floor((end - samples[0].minute) / stretch);
  const placed = samples
    .map((one) => ({ ...one, at: Math.floor((end - one.minute) / stretch) }))
    .filter(({ at }) => at < whole);
  const least = Object.values(Object.groupBy(placed, ({ at }) => at)).map((one) => ({
    x: -one[0].at * stretch,
    y: Math.min(...one.map(of)),
  }));
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [mx, my] = [mean(least.map(({ x }) => x)), mean(least.map(({ y }) => y))];
  return (
    least.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0) / least.reduce((sum, { x }) => sum + (x - mx) ** 2, 0)
  );
}

const quantile = (list, q) =>
  list.length === 0 ? NaN : list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(q * list.length))];
