import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs, { type Admin } from 'kafkajs';
import { crmTopic, declareTopics, documentTopic, envelopeToHeaders, eventId, type LogRecord } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { openEventLog, startKafkaBroker } from '#event-log';
import { packageRoot } from '#platform';
import { fileRegistry, frame, loadSchemas, parseExactJson } from '#schema';
import { order } from '../apps/all-in-one/test/support/crm.ts';
import { documentOf } from './kit/delivery.ts';
import { startErp, type Erp } from './kit/erp.ts';
import { pause } from './kit/engine.ts';
import { PeerProcess } from './kit/peer-process.ts';
import { freePort } from './kit/port.ts';
import { printReport, say, type Comparison, type Report, type Series } from './kit/report.ts';

const COUNTS = [1, 2, 4] as const;
/** what each process gets of one core where it does not get what there is: four take half of one, the rest is for the servers */
const SHARE = 1 / 8;
const TURN_MS = 120;
/** so slow that the connection's concurrency is used, and so much of it that it is not what limits: 2,560 a second */
const LATENCY_MS = 200;
const CONCURRENCY = 512;
const KEYS = 4_000;
const WINDOW_MS = 8_000;
const EVENTS = { whole: 30_000, share: 8_000 };
const DOCUMENTS = { whole: 28_000, share: 14_000 };

/**
 * Throughput with 1, 2 and 4 processes of a stage on a real Kafka: of the mapper, of delivery's intake, and of delivery to an ERP that
 * answers after 200 ms. Twice: with all that the machine has, which two cores end soon, and with an eighth of a core for each process,
 * which is what machines of their own would show: whether more of them get more done. `processes=share` measures the latter
 * alone, `processes=whole` the former.
 */
export default async function run(only = ''): Promise<Report> {
  const chosen = (['share', 'whole'] as const).filter((each) => only === '' || only === each);
  if (chosen.length === 0) throw new Error('processes, processes=share or processes=whole');
  const world = await openWorld();
  const comparisons: Comparison[] = [];
  const figures: Record<string, number> = {};
  const series: Series[] = [];
  try {
    for (const cores of chosen) {
      const found: Record<string, [count: number, Found][]> = { mapped: [], 'taken in': [], delivered: [] };
      for (const count of COUNTS) {
        found['mapped']!.push([count, await mapped(world, count, cores)]);
        say(`${count} of the mapper, ${cores}: ${found['mapped']!.at(-1)![1].rate.toFixed(0)}/s`);
      }
      for (const count of COUNTS) {
        const { takenIn, delivered } = await takenInAndDelivered(world, count, cores);
        found['taken in']!.push([count, takenIn]);
        found['delivered']!.push([count, delivered]);
        say(`${count} of delivery, ${cores}: ${takenIn.rate.toFixed(0)}/s in, ${delivered.rate.toFixed(0)}/s out`);
      }
      const each = cores === 'share' ? 'an eighth of a core each' : 'as much as there is';
      for (const [what, runs] of Object.entries(found)) {
        const unit = `${what === 'mapped' ? 'events' : 'documents'} ${what}`;
        const points = runs.map(([count, { rate }]): [number, number] => [count, rate]);
        series.push({ name: `${what} ${cores}`, x: 'processes', y: `${unit} per second`, points });
        for (const [count, { rate, cpu }] of runs) {
          figures[`${unit} by ${count}, ${each}: cores used by each`] = cpu;
          if (count > 1)
            comparisons.push({
              figure: `${unit} by ${count} processes, ${each}`,
              unit: '1/s',
              ours: [rate],
              peer: 'one such process',
              theirs: [points[0]![1]],
            });
        }
      }
    }
  } finally {
    await world.close();
  }
  const report: Report = {
    setup: [
      `a real Kafka, 12 partitions a topic; processes as \`crossdock run\` starts them; ${cpus().length} cores for everything`,
      `mapper: won orders become sales orders, from the moment it may begin to the last document in the log`,
      `delivery: documents of 1 KiB over ${KEYS.toLocaleString('en')} keys, concurrency ${CONCURRENCY} and ${LATENCY_MS} ms (at most ${(CONCURRENCY / LATENCY_MS) * 1_000}/s), answers within ${WINDOW_MS / 1_000} s`,
      `an eighth of a core: each process is stopped and continued, ${SHARE * TURN_MS} of every ${TURN_MS} ms, one after the other`,
    ],
    comparisons,
    figures,
    series,
  };
  printReport(report);
  return report;
}

interface World {
  dir: string;
  erp: Erp;
  database: Database;
  admin: Admin;
  env: Readonly<Record<string, string>>;
  append(records: readonly LogRecord[]): Promise<void>;
  ensure(connection: string): Promise<void>;
  close(): Promise<void>;
}

async function openWorld(): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: dir });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 4 });
  const cache = join(packageRoot(), '.crossdock', 'kafka-jars');
  const broker = await startKafkaBroker({ dir: join(dir, 'kafka'), heap: '1g', cache });
  const erp = await startErp(LATENCY_MS);
  const log = await openEventLog({ kafka: { brokers: broker.brokers } });
  const admin = new kafkajs.Kafka({ brokers: broker.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  return {
    dir,
    erp,
    database,
    admin,
    env: { DATABASE_URL: server.url, KAFKA_BROKERS: broker.brokers.join(','), CROSSDOCK_DATA: join(dir, 'data') },
    append: async (records) => {
      for (let at = 0; at < records.length; at += 2_000) await log.append(records.slice(at, at + 2_000));
    },
    ensure: (connection) =>
      log.ensureTopics(declareTopics([{ schema: 'erp/customer', connection, document: 'entry' }])),
    close: async () => {
      await admin.disconnect();
      await log.close();
      await database.close();
      erp.stop();
      await broker.stop();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface Found {
  rate: number;
  /** of a core, a process */
  cpu: number;
}

/** The processes have their partitions and stand still while the events are appended; the clock starts when they may begin. */
async function mapped(world: World, count: number, cores: keyof typeof EVENTS): Promise<Found> {
  const home = homeOf(world, 'mapper', MAPPER);
  const processes = await start(world, 'mapper', count, home);
  let end = (): void => {};
  try {
    await settled(world.admin, 'mapper', processes);
    const topic = documentTopic('erp/sales-order', 'main-erp', 'salesOrder');
    const before = await recordsIn(world.admin, topic);
    const events = ordersOf(EVENTS[cores]);
    for (const each of processes) each.pause(true);
    await world.append(events); // quicker than the group misses a heartbeat: seconds
    end = begin(processes, cores);
    return await measured(processes, async () => {
      const began = performance.now();
      await processes[0]!.until('all are mapped', async () => {
        const done = (await recordsIn(world.admin, topic)) - before >= events.length;
        return done || undefined;
      });
      return events.length / ((performance.now() - began) / 1_000);
    });
  } finally {
    end();
    await stop(processes);
  }
}

/**
 * The connection is paused while the documents are taken in, as by an operator while the ERP is away: first the rate of that, then,
 * when it is resumed, of deliveries.
 */
async function takenInAndDelivered(
  world: World,
  count: number,
  cores: keyof typeof DOCUMENTS,
): Promise<{ takenIn: Found; delivered: Found }> {
  const { database, erp } = world;
  const connection = `erp-${cores}-${count}`;
  await world.ensure(connection);
  await database.query(`insert into connection_state (connection, state) values ($1, 'paused')`, [connection]);
  const home = homeOf(world, connection, deliveryHome(connection, erp.url));
  await erp.reset();
  const processes = await start(world, 'delivery', count, home);
  let end = (): void => {};
  try {
    const documents = Array.from({ length: DOCUMENTS[cores] }, (_, n) => documentOf(connection, n, KEYS));
    await settled(world.admin, 'delivery', processes);
    for (const each of processes) each.pause(true);
    await world.append(documents);
    end = begin(processes, cores);
    const takenIn = await measured(processes, async () => {
      const began = performance.now();
      const count = 'select count(*)::int as n from delivery where connection = $1';
      await processes[0]!.until(
        'all are taken in',
        async () => {
          const [row] = await database.query<{ n: number }>(count, [connection]);
          return row!.n === documents.length || undefined;
        },
        200,
      );
      return documents.length / ((performance.now() - began) / 1_000);
    });
    await database.query('analyze');
    await database.query(`update connection_state set state = 'active' where connection = $1`, [connection]);
    await processes[0]!.until('each process has most of its share of the slots', async () => {
      const holders = await database.query(
        `select holder from connection_slot where connection = $1 and holder is not null group by holder having count(*) >= $2`,
        [connection, Math.floor((0.75 * CONCURRENCY) / count)],
      );
      return holders.length === count || undefined;
    });
    const delivered = await measured(processes, async () => {
      await pause(1_000);
      const before = await erp.stats();
      await pause(WINDOW_MS);
      const after = await erp.stats();
      if (after.answered >= documents.length) throw new Error('the documents did not last for the window');
      if (after.outOfOrder > 0) throw new Error(`${after.outOfOrder} out of order`);
      return (after.answered - before.answered) / ((after.now - before.now) / 1_000);
    });
    return { takenIn, delivered };
  } finally {
    end();
    await stop(processes);
  }
}

async function measured(processes: readonly PeerProcess[], work: () => Promise<number>): Promise<Found> {
  const used = (): number => processes.reduce((sum, each) => sum + each.cpuSeconds(), 0);
  const [before, began] = [used(), performance.now()];
  const rate = await work();
  return { rate, cpu: (used() - before) / ((performance.now() - began) / 1_000) / processes.length };
}

/** From here on they work: all they can, or their part of each turn. */
const begin = (processes: readonly PeerProcess[], cores: 'whole' | 'share'): (() => void) =>
  cores === 'share' ? takeTurns(processes) : goOn(processes);

function goOn(processes: readonly PeerProcess[]): () => void {
  for (const each of processes) each.pause(false);
  return () => {};
}

/** One after the other runs for its part of each turn. */
function takeTurns(processes: readonly PeerProcess[]): () => void {
  for (const each of processes) each.pause(true);
  const part = SHARE * TURN_MS;
  let turn = 0;
  const timer = setInterval(() => {
    const slot = turn++ % Math.round(1 / SHARE);
    for (const [n, each] of processes.entries()) each.pause(n !== slot);
  }, part);
  return () => {
    clearInterval(timer);
    goOn(processes);
  };
}

async function start(world: World, stage: string, count: number, home: string): Promise<PeerProcess[]> {
  return Promise.all(
    Array.from(
      { length: count },
      async (_, n) =>
        new PeerProcess({
          name: `${stage} ${n + 1}`,
          program: process.execPath,
          args: [join(packageRoot(), 'dist/apps/cli/src/main.js'), 'run', stage],
          env: {
            ...world.env,
            CROSSDOCK_HOME: home,
            CROSSDOCK_METRICS_PORT: String(await freePort()),
            CROSSDOCK_PORT: String(await freePort()),
          },
        }),
    ),
  );
}

const stop = (processes: readonly PeerProcess[]): Promise<unknown> => Promise.all(processes.map((each) => each.stop()));

/** All are members, and nobody has joined or left the group for three seconds. */
async function settled(admin: Admin, group: string, processes: readonly PeerProcess[]): Promise<void> {
  let [last, since] = ['', performance.now()];
  await processes[0]!.until('the group is settled', async () => {
    const { groups } = await admin.describeGroups([group]);
    const [{ state, members }] = groups as [(typeof groups)[number]];
    const now = `${state} ${members.map(({ memberId }) => memberId).join()}`;
    const whole = state === 'Stable' && members.length === processes.length;
    if (now !== last || !whole) [last, since] = [now, performance.now()];
    return performance.now() - since > 3_000 || undefined;
  });
}

async function recordsIn(admin: Admin, topic: string): Promise<number> {
  const offsets = await admin.fetchTopicOffsets(topic).catch(() => []);
  return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
}

let orders = 0;
/** Won orders as capture and relay write them. */
function ordersOf(count: number): LogRecord[] {
  const schemas = loadSchemas({ roots: [join(packageRoot(), 'schemas')] });
  const schema = schemas.canonical('order')!;
  const schemaId = fileRegistry(schemas).idOfNow(schema.name);
  return Array.from({ length: count }, () => {
    const recordId = `o${++orders}`;
    const read = schema.fromJson(parseExactJson(JSON.stringify(order(recordId, 'c1'))), { zone: 'UTC', idPrefix: '' });
    if (!read.ok) throw new Error(read.message);
    const id = eventId({ tenant: 't', source: 'crm', entity: 'order', recordId, sourceEventId: recordId });
    const key = `t:order:${recordId}`;
    const headers = envelopeToHeaders({
      id,
      source: 'crm',
      type: 'crm.order.won',
      subject: recordId,
      time: new Date().toISOString(),
      dataschema: schema.name,
      tenant: 't',
      partitionkey: key,
      aggregateversion: 1n,
      correlationid: id,
      hopcount: 0,
    });
    return { topic: crmTopic('order'), key, value: frame(schemaId, schema.encode(read.record)), headers };
  });
}

function homeOf({ dir }: World, name: string, text: string): string {
  const home = join(dir, 'homes', name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'crossdock.yaml'), text);
  return home;
}

const MAPPER = `version: 1
tenant: t
connections:
  crm: { connector: webhook, settings: { scheme: none } }
  main-erp:
    connector: rest
    allowPrivate: true
    settings:
      baseUrl: http://127.0.0.1:1
      documents:
        customer: { nature: state, schema: erp/customer, write: { method: PUT, path: '/c/{key}' }, repeatIsSafe: by-external-id }
        salesOrder:
          nature: state
          schema: erp/sales-order
          create: { method: POST, path: /o }
          update: { method: PUT, path: '/o/{id}' }
          id: /id
          repeatIsSafe: { create: never }
flows:
  customers: { on: crm.customer, to: main-erp, mapping: customer-to-erp }
  orders: { on: crm.order, to: main-erp, mapping: order-to-erp }
`;

const deliveryHome = (connection: string, url: string): string => `version: 1
tenant: t
connections:
  ${connection}:
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
          create: { method: POST, path: /entries }
          idempotencyHeader: Idempotency-Key
          keyLifetime: 24h
          id: /id
          repeatIsSafe: by-idempotency-key
flows: {}
`;
