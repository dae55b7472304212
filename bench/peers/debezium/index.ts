import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromMaven, recipe } from '../../kit/install.ts';
import { PeerProcess } from '../../kit/peer-process.ts';
import { freePort } from '../../kit/port.ts';
import { appendOne, openRelayBench, type Drained, type RelayBench } from '../../kit/relay.ts';
import { median, printReport, quantile, type Report } from '../../kit/report.ts';

const ROUNDS = 3;
const ROWS = 200_000;
const WARM_ROWS = 50_000;
const PREFIX = 'debezium.';

/**
 * The relay beside Debezium's outbox event router on Kafka Connect, which reads the very same table: backlogs of 1 KiB rows
 * that both drain, one after the other, into topics of one broker, then single rows and how long each takes to a consumer.
 * Both processes stay up and are warmed first. While rows are appended, Debezium is paused through its REST, so its reader may
 * fill its queue before the clock starts; ours stands still (SIGSTOP) whenever it is not its turn.
 */
export default async function run(): Promise<Report> {
  const classPath = await fromMaven('debezium');
  const bench = await openRelayBench();
  const folder = mkdtempSync(join(tmpdir(), 'crossdock-debezium-'));
  const topic = PREFIX + bench.topic;
  const drains = { ours: [] as Drained[], theirs: [] as Drained[] };
  const waits = { ours: [] as number[][], theirs: [] as number[][] };
  let connect: Connect | undefined;
  let relay: PeerProcess | undefined;
  try {
    await bench.createTopic(topic);
    connect = await startConnect(bench, classPath, folder);
    await drainTheirs(bench, connect, topic, WARM_ROWS);
    relay = await bench.ours();
    await bench.drainOurs(relay, WARM_ROWS);
    await drainTheirs(bench, connect, topic, WARM_ROWS);
    await bench.drainOurs(relay, WARM_ROWS);
    for (let round = 0; round < ROUNDS; round++) {
      drains.theirs.push(await drainTheirs(bench, connect, topic, ROWS));
      drains.ours.push(await bench.drainOurs(relay, ROWS));
    }
    const append = appendOne(bench.database, bench.topic);
    for (let round = 0; round < ROUNDS; round++) {
      waits.theirs.push(await bench.lags(topic, append));
      relay.pause(false);
      await relay.until('it has caught up', async () => (await caughtUp(bench, topic)) || undefined);
      await connect.pause();
      waits.ours.push(await bench.lags(bench.topic, append));
      await connect.resume();
      relay.pause(true);
    }
  } finally {
    await relay?.stop();
    await connect?.process.stop();
    await bench.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const report = reportOf(drains, waits);
  printReport(report);
  return report;
}

function reportOf(
  drains: { ours: Drained[]; theirs: Drained[] },
  waits: { ours: number[][]; theirs: number[][] },
): Report {
  const rates = (runs: readonly Drained[]): number[] => runs.map(({ perSecond }) => perSecond);
  const at = (q: number, rounds: readonly number[][]): number[] => rounds.map((round) => quantile(round, q));
  const peer = 'Debezium';
  return {
    setup: [
      `${ROWS.toLocaleString('en')} rows of 1 KiB a round from one outbox table into Kafka topics with 12 partitions, acknowledged by all replicas`,
      'Debezium 3.6.1.Final on Kafka Connect 4.3.1 standalone, Java heap 1 GiB, outbox event router, pgoutput, batches of 4,096, producer linger 5 ms; warmed with 100,000 rows, as is our relay',
      'lag: single rows, 50 a second for 8 s, from the answer to COMMIT to a consumer of the topic, the other relay not at work',
      `${ROUNDS} rounds, alternating, medians`,
    ],
    comparisons: [
      {
        figure: 'rows relayed',
        unit: '1/s',
        ours: rates(drains.ours),
        peer,
        theirs: rates(drains.theirs),
        goal: { atLeast: 2 },
      },
      {
        figure: 'lag p50',
        unit: 'ms',
        ours: at(0.5, waits.ours),
        peer,
        theirs: at(0.5, waits.theirs),
        goal: { atMost: 1 },
      },
      { figure: 'lag p99', unit: 'ms', ours: at(0.99, waits.ours), peer, theirs: at(0.99, waits.theirs) },
    ],
    figures: {
      'CPU of our process per row, us': median(drains.ours.map(({ cpuMicros }) => cpuMicros)),
      'CPU of its process per row, us': median(drains.theirs.map(({ cpuMicros }) => cpuMicros)),
      'most memory of our process, MiB': median(drains.ours.map(({ peakMiB }) => peakMiB)),
      'most memory of its process, MiB': median(drains.theirs.map(({ peakMiB }) => peakMiB)),
    },
  };
}

async function drainTheirs(bench: RelayBench, connect: Connect, topic: string, rows: number): Promise<Drained> {
  await connect.pause();
  const base = await bench.count(topic);
  await bench.append(rows);
  await connect.resume();
  return bench.drained(connect.process, { topic, base, rows });
}

const caughtUp = async (bench: RelayBench, topic: string): Promise<boolean> =>
  (await bench.count(bench.topic)) >= (await bench.count(topic));

interface Connect {
  process: PeerProcess;
  pause(): Promise<void>;
  resume(): Promise<void>;
}

async function startConnect(bench: RelayBench, classPath: string, folder: string): Promise<Connect> {
  const port = await freePort();
  const worker = join(folder, 'worker.properties');
  const connector = join(folder, 'connector.properties');
  writeFileSync(worker, properties(workerOf(bench, folder, port)));
  writeFileSync(connector, properties(connectorOf(bench)));
  const process = new PeerProcess({
    name: 'Debezium',
    program: 'java',
    args: [
      '-Xms256m',
      '-Xmx1g',
      `-Dlog4j2.configurationFile=${recipe('debezium', 'log4j2.properties')}`,
      '-cp',
      classPath,
      'org.apache.kafka.connect.cli.ConnectStandalone',
      worker,
      connector,
    ],
  });
  await process.saying('Starting streaming');
  const url = `http://127.0.0.1:${port}/connectors/outbox`;
  const turn = async (verb: 'pause' | 'resume', state: string): Promise<void> => {
    await fetch(`${url}/${verb}`, { method: 'PUT' });
    await process.until(`it is ${state}`, async () => {
      const status = (await (await fetch(`${url}/status`)).json()) as { tasks: { state: string }[] };
      return status.tasks[0]?.state === state || undefined;
    });
  };
  return { process, pause: () => turn('pause', 'PAUSED'), resume: () => turn('resume', 'RUNNING') };
}

const workerOf = (bench: RelayBench, folder: string, port: number): Record<string, string> => ({
  'bootstrap.servers': bench.brokers.join(','),
  'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
  'value.converter': 'org.apache.kafka.connect.converters.ByteArrayConverter',
  'header.converter': 'org.apache.kafka.connect.storage.StringConverter',
  'offset.storage.file.filename': join(folder, 'offsets'),
  'offset.flush.interval.ms': '1000',
  listeners: `http://127.0.0.1:${port}`,
  'plugin.discovery': 'service_load',
});

/** The router on our table as it stands: topic, key, payload and headers are columns of the row. */
function connectorOf(bench: RelayBench): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(bench.url);
  return {
    name: 'outbox',
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    'database.hostname': hostname,
    'database.port': port,
    'database.user': username,
    'database.password': decodeURIComponent(password),
    'database.dbname': pathname.slice(1),
    'topic.prefix': 'crm',
    'slot.name': 'debezium_outbox',
    'publication.name': 'debezium_outbox',
    'publication.autocreate.mode': 'filtered',
    'publish.via.partition.root': 'true',
    'table.include.list': 'crossdock.outbox',
    'snapshot.mode': 'no_data',
    'tombstones.on.delete': 'false',
    'poll.interval.ms': '50',
    'max.batch.size': '4096',
    'max.queue.size': '16384',
    'producer.override.linger.ms': '5',
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.by.field': 'topic',
    'transforms.outbox.route.topic.replacement': `${PREFIX}\${routedByValue}`,
    'transforms.outbox.table.field.event.id': 'event_id',
    'transforms.outbox.table.field.event.key': 'key',
    'transforms.outbox.table.field.event.payload': 'payload',
    'transforms.outbox.table.fields.additional.placement': 'headers:header:envelope',
    'transforms.outbox.table.op.invalid.behavior': 'warn',
  };
}

const properties = (entries: Record<string, string>): string =>
  Object.entries(entries)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
