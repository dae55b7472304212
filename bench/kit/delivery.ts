import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { declareTopics, documentId, documentToHeaders, documentTopic, eventId, type LogRecord } from '#contracts';
import { migrate, startEmbeddedPostgres } from '#db';
import { openEventLog, startKafkaBroker } from '#event-log';
import { packageRoot } from '#platform';
import { frame } from '#schema';
import { measureDelivery, startErp, type Delivered, type Erp } from './erp.ts';
import { PeerProcess, type PeerCommand } from './peer-process.ts';
import { freePort } from './port.ts';
import { say } from './report.ts';

export const ROUNDS = 3;
const KEYS = 1_000;
const EVENTS = 60_000;

export interface Condition {
  /** the ERP answers after this */
  latencyMs: number;
  /** what the connection allows at once; a peer has no such setting and takes what its design allows */
  concurrency: number;
}
export const QUICK: Condition = { latencyMs: 50, concurrency: 256 };
/** a peer that has not finished by then is judged by what it has delivered so far; ours delivers all: it takes in ahead of sending */
const WINDOW_MS = 12_000;
/** 1 KiB on the wire */
const PADDING = 'x'.repeat(940);

export interface DeliveryBench {
  brokers: string[];
  /** topic with plain bodies for peers: JSON, keyed by record, 12 partitions */
  topic: string;
  erp: Erp;
  /** a fresh delivery process of ours on a topic of its own, until everything is delivered */
  ours(round: number): Promise<Delivered>;
  /** the same with a peer's process; it must read the topic from its beginning */
  theirs(command: PeerCommand): Promise<Delivered>;
  close(): Promise<void>;
}

export const setupOf = ({ latencyMs, concurrency }: Condition): string[] => [
  `${EVENTS.toLocaleString('en')} documents of 1 KiB over ${KEYS.toLocaleString('en')} keys in 12 partitions of a real Kafka, each to be POSTed once to an ERP that answers after ${latencyMs} ms`,
  `Crossdock: the delivery stage as a process, PostgreSQL 18 beside it, connection with concurrency ${concurrency}, every document counts`,
  `rate: answers of the ERP per second from its first request until all are delivered, of a peer for ${WINDOW_MS / 1000} s at most; ${ROUNDS} rounds, alternating, medians`,
];

/** PostgreSQL, Kafka with the documents, and the ERP. */
export async function openDeliveryBench({ latencyMs, concurrency }: Condition): Promise<DeliveryBench> {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: dir });
  await migrate(server.url);
  const broker = await startKafkaBroker({
    dir: join(dir, 'kafka'),
    heap: '1g',
    cache: join(packageRoot(), '.crossdock', 'kafka-jars'),
  });
  const erp = await startErp(latencyMs);
  const topic = 'peer.documents.v1';
  await fill(broker.brokers, topic);
  const home = join(dir, 'home');
  writeHome(home, erp.url, concurrency);

  const measured = async (command: PeerCommand, windowMs: number): Promise<Delivered> => {
    await erp.reset();
    const process = new PeerProcess(command);
    try {
      const seen = await measureDelivery(erp, process, { events: EVENTS, windowMs });
      const order = seen.outOfOrder > 0 ? `, ${seen.outOfOrder} OUT OF ORDER` : ', in order per key';
      say(
        `${command.name}: ${seen.perSecond.toFixed(1)}/s, ${seen.mostOpen} open at most${order}, ${seen.repeated} repeated, ${seen.peakMiB.toFixed(0)} MiB`,
      );
      return seen;
    } finally {
      await process.stop();
      if (process.said.includes('UnhandledPromiseRejection')) say(process.said);
    }
  };
  return {
    brokers: broker.brokers,
    topic,
    erp,
    theirs: (command) => measured(command, WINDOW_MS),
    ours: async (round) =>
      measured(
        {
          name: 'Crossdock',
          program: process.execPath,
          args: [join(packageRoot(), 'dist/apps/cli/src/main.js'), 'run', 'delivery'],
          env: {
            DATABASE_URL: server.url,
            KAFKA_BROKERS: broker.brokers.join(','),
            CROSSDOCK_HOME: join(home, String(round)),
            CROSSDOCK_DATA: join(dir, 'data'),
            CROSSDOCK_METRICS_PORT: String(await freePort()),
            CROSSDOCK_PORT: String(await freePort()),
          },
        },
        Infinity,
      ),
    close: async () => {
      erp.stop();
      await broker.stop();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const connectionOf = (round: number): string => `erp-${round}`;

/** One home per round: each knows one connection, so that a round finds nothing of another. */
function writeHome(home: string, url: string, concurrency: number): void {
  for (let round = 0; round < ROUNDS; round++) {
    const folder = join(home, String(round));
    writeDeep(
      folder,
      `version: 1
tenant: t
connections:
  ${connectionOf(round)}:
    connector: rest
    budget: { concurrency: ${concurrency} }
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
`,
    );
  }
}

function writeDeep(folder: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'crossdock.yaml'), text);
}

async function fill(brokers: string[], topic: string): Promise<void> {
  const log = await openEventLog({ kafka: { brokers } });
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  const documents = rounds.map((round) => ({
    schema: 'erp/customer',
    connection: connectionOf(round),
    document: 'entry',
  }));
  const declared = declareTopics(documents);
  const plain = { ...declared[0]!, name: topic };
  await log.ensureTopics([...declared, plain]);
  for (let from = 0; from < EVENTS; from += 2_000) {
    const batch = Array.from({ length: Math.min(2_000, EVENTS - from) }, (_, n) => from + n);
    await log.append(batch.map((n) => ({ topic, key: keyOf(n, KEYS), value: bodyOf(n, KEYS), headers: {} })));
    for (const round of rounds) await log.append(batch.map((n) => documentOf(connectionOf(round), n)));
  }
  await log.close();
}

const keyOf = (n: number, keys: number): string => `k${n % keys}`;
const versionOf = (n: number, keys: number): number => Math.floor(n / keys) + 1;
const bodyOf = (n: number, keys: number): Buffer =>
  Buffer.from(
    JSON.stringify({ externalId: keyOf(n, keys), name: String(versionOf(n, keys)), active: true, note: PADDING }),
  );

/** As the mapper writes it: the body in its frame, everything else in headers. */
export function documentOf(connection: string, n: number, keys = KEYS): LogRecord {
  const recordId = keyOf(n, keys);
  const id = eventId({ tenant: 't', source: connection, entity: 'e', recordId, sourceEventId: String(n) });
  const now = new Date().toISOString();
  return {
    topic: documentTopic('erp/customer', connection, 'entry'),
    key: `t:e:${recordId}`,
    value: frame(1, bodyOf(n, keys)),
    headers: documentToHeaders({
      kind: 'document',
      flow: connection,
      connection,
      document: 'entry',
      documentId: documentId(id, connection, 'entry'),
      bundle: 'bench',
      fanOut: 1,
      eventId: id,
      eventType: 'crm.e.changed',
      source: 'bench',
      tenant: 't',
      entity: 'e',
      recordId,
      aggregateVersion: BigInt(versionOf(n, keys)),
      correlationId: id,
      hopCount: 0,
      acceptedAt: now,
      open: [],
      createOnly: [],
      eventTopic: 'crm.e.v1',
      eventPartition: 0,
      eventOffset: BigInt(n),
      eventLogTime: now,
    }),
  };
}
