import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { CLAIM, type ClaimedRow } from '../apps/delivery/src/sql/claim.ts';
import { RELEASE } from '../apps/delivery/src/sql/release.ts';
import { LATENCY_MS, openWorld, pause, type World } from './kit/engine.ts';
import { freePort } from './kit/port.ts';
import { median, printReport, say, type Report } from './kit/report.ts';

const CLAIMS = 200;
const LANES_PER_CLAIM = 16;
const CONCURRENCY = 128;
const PROCESSES = [1, 2, 4] as const;
const WINDOW_MS = 10_000;
const INTAKE = 10_000;

/**
 * What a backlog costs: claiming lanes while ten thousand, a hundred thousand and a million deliveries wait (goal: flat),
 * taking in while a million wait beside an empty table, and what one, two and four delivery processes get through of it.
 * Each waits in a lane of its own, the worst case for claiming. `backlog=100000` makes the largest one smaller.
 */
export default async function run(argument = '1000000'): Promise<Report> {
  const most = Number(argument);
  if (!(most >= 10_000 && most <= 10_000_000)) throw new Error('a backlog is 10000 to 10000000 deliveries long');
  const world = await openWorld();
  try {
    const empty = await intake(world, 'empty', 0);
    const points: [number, number][] = [];
    let filled = 0;
    for (const size of [most / 100, most / 10, most]) {
      const began = performance.now();
      await fill(world, filled, size);
      filled = size;
      await world.database.query('vacuum analyze');
      say(`${size.toLocaleString('en')} wait, made in ${((performance.now() - began) / 1_000).toFixed(0)} s`);
      points.push([size, await claimCost(world)]);
    }
    const full = await intake(world, 'full', 1);
    const rates: number[] = [];
    for (const count of PROCESSES) rates.push(await delivered(world, count));
    const report: Report = {
      setup: [
        `up to ${most.toLocaleString('en')} deliveries, each in a lane of its own; claims of ${LANES_PER_CLAIM}, median of ${CLAIMS}; ${INTAKE.toLocaleString('en')} documents taken in`,
        `processes: concurrency ${CONCURRENCY} together, a target that answers after ${LATENCY_MS} ms, ${WINDOW_MS / 1_000} s each`,
      ],
      comparisons: [
        {
          figure: `claim with ${most.toLocaleString('en')} waiting`,
          unit: 'ms',
          ours: [points[2]![1]],
          peer: (most / 100).toLocaleString('en'),
          theirs: [points[0]![1]],
          goal: { atMost: 1.5 },
        },
        {
          figure: `intake with ${most.toLocaleString('en')} waiting`,
          unit: 'documents/s',
          ours: [full],
          peer: 'none',
          theirs: [empty],
          goal: { atLeast: 0.9 },
        },
        ...rates.slice(1).map((rate, at) => ({
          figure: `delivery by ${PROCESSES[at + 1]} processes`,
          unit: 'delivered/s',
          ours: [rate],
          peer: 'one',
          theirs: [rates[0]!],
        })),
      ],
      series: [{ name: 'claim', x: 'waiting deliveries', y: `ms per claim of ${LANES_PER_CLAIM}`, points }],
    };
    printReport(report);
    return report;
  } finally {
    await world.close();
  }
}

const NAME = 'backlog';

/** Rows as intake writes them, one lane each. */
const FILL = `
with n as materialized (select g, gen_random_uuid() as event from generate_series($1::int, $2::int) g),
lanes as (
  insert into lane (connection, document, key, due_at)
  select '${NAME}', 'entry', 't:e:b' || g, clock_timestamp() from n returning id, key
), ids as (
  select nextval('delivery_id') as id, l.id as lane, n.g, n.event from n join lanes l on l.key = 't:e:b' || n.g
), keys as (
  insert into delivery_key (event_id, flow, delivery_id, body_hash) select event, '${NAME}', id, '\\x00' from ids
), bodies as (
  insert into revision (delivery_id, n, body) select id, 1, '{"externalId":"k","name":"Ada Lovelace","active":true}' from ids
)
insert into delivery (id, lane_id, document_id, event_id, event_type, source, flow, connection, document, key, tenant, entity,
  record_id, aggregate_version, kind, bundle, fan_out, topic, "partition", "offset", event_topic, event_partition, event_offset,
  event_logged_at, accepted_at)
select id, lane, event, event, 'crm.e.changed', 'bench', '${NAME}', '${NAME}', 'entry', 't:e:b' || g, 't', 'e', 'b' || g, 1,
  'document', 'bench', 1, 'erp.${NAME}.entry.v1', 0, g, 'crm.e.v1', 0, g, clock_timestamp(), clock_timestamp() from ids`;

async function fill(world: World, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 50_000) await world.database.query(FILL, [at + 1, Math.min(at + 50_000, to)]);
}

/** Claims as a worker does, and gives back at once to the end of the queue, which is what a delivered lane's next one does. */
async function claimCost(world: World): Promise<number> {
  await world.database.query(`insert into connection_state (connection) values ('${NAME}') on conflict do nothing`);
  const times: number[] = [];
  for (let n = 0; n < CLAIMS; n++) {
    const began = performance.now();
    const claimed = await world.database.query<ClaimedRow>(CLAIM, [NAME, LANES_PER_CLAIM, 'bench', 30_000, false]);
    times.push(performance.now() - began);
    if (claimed.length < LANES_PER_CLAIM) throw new Error(`only ${claimed.length} lanes could be claimed`);
    await world.database.query(RELEASE, [
      claimed.map(({ id }) => id),
      claimed.map(({ token }) => token),
      claimed.map(() => 0),
    ]);
  }
  return median(times);
}

async function intake(world: World, name: string, round: number): Promise<number> {
  const began = performance.now();
  await world.takeIn(name, round * INTAKE, (round + 1) * INTAKE, 1_000);
  return INTAKE / ((performance.now() - began) / 1_000);
}

/** Answers of the target per second, from the first on, with so many processes of the delivery stage. */
async function delivered(world: World, processes: number): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dir, 0o755);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'crossdock.yaml'), home(world.target.url));
  const children = [];
  for (let n = 0; n < processes; n++) {
    const ports = { port: await freePort(), metrics: await freePort() };
    children.push(
      spawn(process.execPath, [join(packageRoot(), 'dist/apps/cli/src/main.js'), 'run', 'delivery'], {
        env: {
          DATABASE_URL: world.url,
          CROSSDOCK_HOME: dir,
          CROSSDOCK_DATA: join(dir, 'data'),
          CROSSDOCK_METRICS_PORT: String(ports.metrics),
          CROSSDOCK_PORT: String(ports.port),
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    );
  }
  try {
    await allShare(world, processes);
    const before = await world.target.answered();
    const began = performance.now();
    await pause(WINDOW_MS);
    const rate = ((await world.target.answered()) - before) / ((performance.now() - began) / 1_000);
    say(`${processes} processes: ${rate.toFixed(0)} per second`);
    return rate;
  } finally {
    await Promise.all(
      children.map(
        (child) =>
          new Promise((resolve) => {
            child.once('exit', resolve);
            child.kill('SIGTERM');
          }),
      ),
    );
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Every process has its slots. */
async function allShare(world: World, processes: number): Promise<void> {
  const until = performance.now() + 60_000;
  for (;;) {
    const holders = await world.database.query(
      `select holder from connection_slot where connection = $1 and holder is not null group by holder having count(*) >= $2`,
      [NAME, Math.floor(CONCURRENCY / processes)],
    );
    if (holders.length === processes) return;
    if (performance.now() > until) throw new Error(`only ${holders.length} of ${processes} processes took slots`);
    await pause(50);
  }
}

const home = (url: string): string => `version: 1
tenant: t
connections:
  ${NAME}:
    connector: rest
    budget: { concurrency: ${CONCURRENCY} }
    timeout: 30s
    allowPrivate: true
    settings:
      baseUrl: ${url}
      documents:
        entry:
          nature: fact
          versions: each
          schema: erp/customer
          create: { method: POST, path: '/entries?key={key}' }
          idempotencyHeader: Idempotency-Key
          keyLifetime: 24h
          id: /id
          repeatIsSafe: by-idempotency-key
flows: {}
`;
