import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { Metrics } from '#platform';
import { CLAIM, type ClaimedRow } from '../apps/delivery/src/sql/claim.ts';
import { RELEASE } from '../apps/delivery/src/sql/release.ts';
import { Intake } from '../apps/delivery/src/intake.ts';
import { recordOf } from './kit/engine.ts';
import { median, printReport, say, short, type Report } from './kit/report.ts';

const ROUNDS = 5;
/** of one round */
const CLAIMS = 100;
const EXPLAINED = 10;
const LANES_PER_CLAIM = 16;
const INTAKE = 3_000;
/** before the first round: as after minutes of operation, most pages have been changed since the last checkpoint */
const WARM = 30_000;
const WARM_CLAIMS = 1_500;
const BATCH = 500;

/**
 * What a backlog costs: claiming lanes and taking documents in while 10^4, 10^5 and 10^6 deliveries wait (goal: flat). Each
 * waits in a lane of its own, the worst case for claiming. Every size has a database of its own in one PostgreSQL and the
 * rounds go from one to the next, so that whatever else the machine does meets all of them alike; the blocks that a claim
 * touches do not depend on it at all. `backlog=100000` makes the largest one smaller.
 */
export default async function run(argument = '1000000'): Promise<Report> {
  const most = Number(argument);
  if (!(most >= 10_000 && most <= 10_000_000)) throw new Error('a backlog is 10000 to 10000000 deliveries long');
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  const backlogs: Backlog[] = [];
  try {
    for (const size of [most / 100, most / 10, most]) {
      const began = performance.now();
      backlogs.push(await open(server.url, size));
      say(`${size.toLocaleString('en')} wait, made in ${((performance.now() - began) / 1_000).toFixed(0)} s`);
    }
    for (let round = 0; round <= ROUNDS; round++)
      for (const backlog of backlogs) {
        const claim = await pagesOf(backlog, () => claimMs(backlog));
        const rate = await pagesOf(backlog, () => intake(backlog, round));
        if (round === 0) {
          await takeIn(backlog, 'warm', 0, WARM);
          await claimMs(backlog, WARM_CLAIMS);
          continue;
        }
        backlog.claims.push(claim.result);
        backlog.claimPages.push(claim.pages / CLAIMS);
        backlog.intakes.push(rate.result);
        backlog.intakePages.push(rate.pages / (INTAKE / 1_000));
      }
    for (const backlog of backlogs) {
      Object.assign(backlog, await blocksOf(backlog));
      say(
        `${backlog.size.toLocaleString('en')} wait: a claim ${short(median(backlog.claims))} ms, ${backlog.blocks} blocks, ` +
          `${backlog.read} of them read; ${short(median(backlog.intakes))} documents/s taken in`,
      );
    }
    const report = reportOf(backlogs);
    printReport(report);
    return report;
  } finally {
    for (const { database } of backlogs) await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Backlog {
  size: number;
  database: Database;
  intake: Intake;
  /** ms, and documents a second, one of each round */
  claims: number[];
  intakes: number[];
  /** whole pages in PostgreSQL's log, one figure of each round: of a claim, and of 1,000 documents taken in */
  claimPages: number[];
  intakePages: number[];
  /** what one claim touches: blocks, and how many of them were not in the shared buffers */
  blocks: number;
  read: number;
}

function reportOf(backlogs: readonly Backlog[]): Report {
  const [few, , many] = backlogs as [Backlog, Backlog, Backlog];
  const [least, most] = [few.size.toLocaleString('en'), many.size.toLocaleString('en')];
  const points = (of: (backlog: Backlog) => number): [number, number][] => backlogs.map((at) => [at.size, of(at)]);
  const x = 'waiting deliveries';
  return {
    setup: [
      `up to ${most} deliveries, each in a lane of its own, in databases of one PostgreSQL 18; ${ROUNDS} rounds that alternate, medians`,
      `a round: ${CLAIMS} claims of ${LANES_PER_CLAIM} lanes, each given back; ${INTAKE.toLocaleString('en')} documents taken in, ${BATCH} at a time`,
    ],
    comparisons: [
      {
        figure: `blocks of a claim with ${most} waiting`,
        unit: 'blocks',
        ours: [many.blocks],
        peer: `with ${least}`,
        theirs: [few.blocks],
        goal: { atMost: 1.5 },
      },
      {
        figure: `claim with ${most} waiting`,
        unit: 'ms',
        ours: many.claims,
        peer: `with ${least}`,
        theirs: few.claims,
        goal: { atMost: 1.5 },
      },
      {
        figure: `taken in with ${most} waiting`,
        unit: 'documents/s',
        ours: many.intakes,
        peer: `with ${least}`,
        theirs: few.intakes,
        goal: { atLeast: 0.9 },
      },
    ],
    figures: Object.fromEntries(
      backlogs.flatMap((at) => {
        const wait = `${at.size.toLocaleString('en')} wait`;
        return [
          [`${wait}: blocks of a claim that were not in the shared buffers`, at.read],
          [`${wait}: whole pages written to the log per claim`, median(at.claimPages)],
          [`${wait}: whole pages written to the log per 1,000 documents taken in`, median(at.intakePages)],
        ];
      }),
    ),
    series: [
      { name: 'claim', x, y: `ms per claim of ${LANES_PER_CLAIM}`, points: points((at) => median(at.claims)) },
      { name: 'blocks', x, y: `blocks per claim of ${LANES_PER_CLAIM}`, points: points((at) => at.blocks) },
      { name: 'intake', x, y: 'documents taken in per second', points: points((at) => median(at.intakes)) },
    ],
  };
}

const NAME = 'backlog';

async function open(url: string, size: number): Promise<Backlog> {
  const admin = await Database.open({ url, name: 'bench', max: 1 });
  await admin.query(`create database backlog_${size}`);
  await admin.close();
  const own = new URL(url);
  own.pathname = `/backlog_${size}`;
  await migrate(own.href);
  const database = await Database.open({ url: own.href, name: 'bench', max: 4 });
  await fill(database, size);
  await database.query(`insert into connection_state (connection) values ('${NAME}') on conflict do nothing`);
  const intake = new Intake(database, new Metrics(), () => {});
  return { size, database, intake, claims: [], intakes: [], claimPages: [], intakePages: [], blocks: 0, read: 0 };
}

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

async function fill(database: Database, size: number): Promise<void> {
  for (let at = 0; at < size; at += 50_000) await database.query(FILL, [at + 1, Math.min(at + 50_000, size)]);
  await database.query('vacuum analyze');
  await database.query('checkpoint');
}

/** With the whole pages that PostgreSQL logged meanwhile, because nobody had changed them since the last checkpoint. */
async function pagesOf<T>({ database }: Backlog, work: () => Promise<T>): Promise<{ result: T; pages: number }> {
  const pages = async (): Promise<number> => {
    await database.query('select pg_stat_force_next_flush()');
    const [row] = await database.query<{ n: number }>('select wal_fpi::float8 as n from pg_stat_wal');
    return row!.n;
  };
  const before = await pages();
  const result = await work();
  return { result, pages: (await pages()) - before };
}

/** Claims as a worker does, and gives back at once to the end of the queue, which is what a delivered lane's next one does. */
async function claimMs({ database }: Backlog, claims = CLAIMS): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < claims; n++) {
    const began = performance.now();
    const claimed = await database.query<ClaimedRow>(CLAIM, [NAME, LANES_PER_CLAIM, 'bench', 30_000, false]);
    times.push(performance.now() - began);
    if (claimed.length < LANES_PER_CLAIM) throw new Error(`only ${claimed.length} lanes could be claimed`);
    await giveBack(database, claimed);
  }
  return median(times);
}

async function giveBack(database: Database, claimed: readonly Pick<ClaimedRow, 'id' | 'token'>[]): Promise<void> {
  const [ids, tokens] = [claimed.map(({ id }) => id), claimed.map(({ token }) => token)];
  await database.query(RELEASE, [ids, tokens, claimed.map(() => 0), 'bench']);
}

interface Explained {
  'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number } }];
}

/** Medians of what `explain (analyze, buffers)` says of the very statement. */
async function blocksOf({ database }: Backlog): Promise<{ blocks: number; read: number }> {
  const touched: number[] = [];
  const read: number[] = [];
  for (let n = 0; n < EXPLAINED; n++) {
    const [told] = await database.query<Explained>(`explain (analyze, buffers, format json) ${CLAIM.text}`, [
      NAME,
      LANES_PER_CLAIM,
      'bench',
      30_000,
      false,
    ]);
    const { Plan: plan } = told!['QUERY PLAN'][0];
    touched.push(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
    read.push(plan['Shared Read Blocks']);
    await giveBack(database, await database.query(`select id, token from lane where holder = 'bench'`));
  }
  return { blocks: median(touched), read: median(read) };
}

/** Documents per second, of another connection: each begins a lane. */
async function intake(backlog: Backlog, round: number): Promise<number> {
  const began = performance.now();
  await takeIn(backlog, 'taken-in', round * INTAKE, (round + 1) * INTAKE);
  return INTAKE / ((performance.now() - began) / 1_000);
}

async function takeIn({ intake: into }: Backlog, connection: string, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += BATCH) {
    const records = Array.from({ length: BATCH }, (_, n) => recordOf(connection, at + n, Infinity));
    const refused = await into.take(records);
    if (refused.length > 0) throw new Error(refused[0]!.reason);
  }
}
