import { join } from 'node:path';
import {
  documentId,
  documentToHeaders,
  eventId,
  type Connection,
  type DocumentHeaders,
  type StoredRecord,
} from '#contracts';
import type { Database } from '#db';
import { Metrics, packageRoot } from '#platform';
import { fileRegistry, frame, loadSchemas, type SchemaRegistry, type SchemaSet } from '#schema';
import { Engine, type EngineOptions } from '../src/engine/engine.ts';
import { Intake } from '../src/intake.ts';
import { CUSTOMER, ENTRY, INVOICE, MemoryTarget, ORDER, PAYMENT, RECEIPT, TASK } from './memory-target.ts';

let schemas: SchemaSet | undefined;
const allSchemas = (): SchemaSet => (schemas ??= loadSchemas({ roots: [join(packageRoot(), 'schemas')] }));

/** Short times, so that leases end and ladders climb within a test. */
export const connection = (name: string, changes: Partial<Connection> = {}): Connection => ({
  name,
  connector: 'rest',
  side: 'target',
  zone: 'UTC',
  idPrefix: '',
  settings: {},
  budget: { concurrency: 4 },
  timeoutMs: 150,
  retry: { ladderMs: [20, 20, 20], jitter: 0 },
  breaker: { windowMs: 10_000, minimum: 10_000, failures: 0.5, slowMs: 10_000, probeMs: 50 },
  allowPrivate: true,
  ...changes,
});

export interface World {
  database: Database;
  target: MemoryTarget;
  connection: Connection;
  intake: Intake;
  registry: SchemaRegistry;
  schemas: SchemaSet;
  wakeAll(): void;
  metrics: Metrics;
  engine(options?: Partial<EngineOptions>): Engine;
  send(document: Partial<Doc>): Promise<string>;
  status(event: string): Promise<string | undefined>;
  row(event: string): Promise<Record<string, unknown>>;
}

export interface Doc {
  document: string;
  key: string;
  version: number;
  sourceVersion: number;
  body: unknown;
  kind: DocumentHeaders['kind'];
  headers: Partial<DocumentHeaders>;
  event: string;
  flow: string;
}

let names = 0;

/** A connection of its own in a shared database, so that tests of one file do not meet. */
export async function world(
  database: Database,
  changes: Partial<Connection> = {},
  options: { probe?: boolean } = {},
): Promise<World> {
  const at = connection(`erp-${process.pid}-${++names}`, changes);
  const target = new MemoryTarget([CUSTOMER, ORDER, TASK, ENTRY, PAYMENT, INVOICE, RECEIPT], options);
  const metrics = new Metrics();
  const registry = fileRegistry(allSchemas());
  const engines: Engine[] = [];
  const intake = new Intake(
    database,
    metrics,
    (name) => {
      for (const engine of engines) engine.wake(name);
    },
    { targets: new Map([[at.name, target]]) },
  );
  let offset = 0n;
  const self: World = {
    database,
    target,
    connection: at,
    intake,
    registry,
    schemas: allSchemas(),
    wakeAll: () => {
      for (const engine of engines) engine.wake();
    },
    metrics,
    engine(more = {}) {
      const engine = new Engine({
        database,
        configuration: { connections: new Map([[at.name, at]]), flows: new Map() },
        targets: new Map([[at.name, target]]),
        schemas: allSchemas(),
        registry,
        metrics,
        leaseMs: 900,
        sweepMs: 200,
        reauthMs: 50,
        ...more,
      });
      engines.push(engine);
      return engine;
    },
    async send(document) {
      const event =
        document.event ??
        eventId({ tenant: at.name, source: 's', entity: 'e', recordId: 'r', sourceEventId: String(++names) });
      const record = recordOf(at.name, event, document, ++offset);
      const refused = await intake.take([record]);
      if (refused.length > 0) throw new Error(refused[0]!.reason);
      return event;
    },
    async status(event) {
      return (await self.row(event))['status'] as string | undefined;
    },
    async row(event) {
      const [row] = await database.query('select * from delivery where event_id = $1', [event]);
      return row ?? {};
    },
  };
  return self;
}

export function recordOf(connectionName: string, event: string, document: Partial<Doc>, offset: bigint): StoredRecord {
  const type = document.document ?? 'customer';
  const kind = document.kind ?? 'document';
  const flow = document.flow ?? `${connectionName}-${type}`;
  const now = new Date().toISOString();
  const headers: DocumentHeaders = {
    kind,
    flow,
    connection: connectionName,
    document: type,
    documentId: documentId(event, flow, type),
    bundle: 'bundle',
    fanOut: 1,
    eventId: event,
    eventType: 'crm.e.changed',
    source: 's',
    tenant: 't',
    entity: 'e',
    recordId: document.key ?? 'r1',
    aggregateVersion: BigInt(document.version ?? 1),
    sourceVersion: document.sourceVersion === undefined ? undefined : BigInt(document.sourceVersion),
    correlationId: event,
    hopCount: 0,
    acceptedAt: now,
    open: [],
    createOnly: [],
    eventTopic: 'crm.e.v1',
    eventPartition: 0,
    eventOffset: offset,
    eventLogTime: now,
    ...document.headers,
  };
  return {
    topic: `erp.${connectionName}.${type}.v1`,
    partition: 0,
    offset,
    timestamp: new Date(),
    key: `t:e:${headers.recordId}`,
    headers: documentToHeaders(headers),
    value:
      kind === 'document' ? frame(1, Buffer.from(JSON.stringify(document.body ?? { a: document.version ?? 1 }))) : null,
  };
}

/** Waits for a condition with a deadline; the error says what it was when time was up. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 60_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves once the connection's lanes have been looked at and nothing of them is due. */
export const rests = (world: World): Promise<boolean> =>
  until('every lane rests', async () => {
    const open = 'select 1 from lane where connection = $1 and (due_at is not null or wake)';
    return (await world.database.query(open, [world.connection.name])).length === 0;
  });

export const becomes = (world: World, event: string, status: string, ms?: number): Promise<Record<string, unknown>> =>
  until(
    `a delivery becomes ${status}`,
    async () => {
      const row = await world.row(event);
      if (row['status'] === status) return row;
      return undefined;
    },
    ms,
  ).catch(async (cause: unknown) => {
    const row = await world.row(event);
    throw new Error(`${(cause as Error).message}; it is ${String(row['status'])}: ${String(row['error'])}`, { cause });
  });
