import { headersToDocument, recordKey, type DocumentHeaders, type StoredRecord } from '#contracts';
import type { Database } from '#db';
import type { Metrics } from '#platform';
import { unframe, writeExactJson, parseExactJson } from '#schema';
import { hash } from './core/request.ts';
import { WAKE_CHANNEL } from './engine/dependencies.ts';
import { ENSURE_LANES, TAKE_IN, WAKE_LANES, type IntakeRow, type TakenRow } from './sql/intake.ts';

/** What of a record cannot be taken in, by its place in the batch. */
export interface Refused {
  at: number;
  reason: string;
}

/**
 * Takes records of document topics into `delivery`: one transaction per batch, the first of each (event, flow) wins, every
 * differing repeat is counted. When it resolves, the offsets may be committed.
 */
export class Intake {
  readonly #database: Database;
  readonly #metrics: Metrics;
  readonly #arrived: (connection: string) => void;

  constructor(database: Database, metrics: Metrics, arrived: (connection: string) => void) {
    this.#database = database;
    this.#metrics = metrics;
    this.#arrived = arrived;
  }

  async take(records: readonly StoredRecord[]): Promise<Refused[]> {
    const rows: IntakeRow[] = [];
    const refused: Refused[] = [];
    for (const [at, record] of records.entries()) {
      try {
        rows.push(rowOf(record));
      } catch (cause) {
        refused.push({ at, reason: cause instanceof Error ? cause.message : String(cause) });
      }
    }
    const unique = firstOfEach(rows);
    if (unique.length > 0) await this.#store(unique);
    return refused;
  }

  async #store(rows: readonly IntakeRow[]): Promise<void> {
    const taken = await this.#database.transaction(async (tx) => {
      await tx.query(ENSURE_LANES, [
        rows.map((row) => row.connection),
        rows.map((row) => row.document),
        rows.map((row) => row.key),
      ]);
      const fresh = await tx.query<TakenRow>(TAKE_IN, [JSON.stringify(rows)]);
      if (fresh.length > 0) {
        await tx.query(WAKE_LANES, [[...new Set(fresh.map((row) => row.lane_id))]]);
        for (const connection of new Set(fresh.map((row) => row.connection)))
          await tx.query(`select pg_notify('${WAKE_CHANNEL}', $1)`, [connection]);
      }
      // crashpoint intake.before-commit
      return fresh;
    });
    // crashpoint intake.after-commit
    for (const { flow } of taken) this.#metrics.count('syncAccepted', { flow });
    for (const connection of new Set(taken.map((row) => row.connection))) this.#arrived(connection);
  }
}

/** Throws, in one sentence without payload, why a record is not a document. */
function rowOf(record: StoredRecord): IntakeRow {
  const document = headersToDocument(record.headers);
  if (document.replayOf !== undefined) throw new Error('replays are not taken in by this version');
  const body = bodyOf(document, record.value);
  const open = JSON.stringify(document.open);
  const createOnly = JSON.stringify(document.createOnly);
  return {
    document_id: document.documentId,
    event_id: document.eventId,
    event_type: document.eventType,
    source: document.source,
    flow: document.flow,
    connection: document.connection,
    document: document.document,
    key: recordKey(document.tenant, document.entity, document.recordId),
    tenant: document.tenant,
    entity: document.entity,
    record_id: document.recordId,
    aggregate_version: String(document.aggregateVersion),
    source_version: document.sourceVersion === undefined ? null : String(document.sourceVersion),
    kind: document.kind,
    bundle: document.bundle,
    fan_out: document.fanOut,
    review: document.review ?? null,
    reason: document.reason ?? null,
    hop_count: document.hopCount,
    correlation_id: document.correlationId,
    traceparent: document.traceparent ?? null,
    amount: document.amount ?? null,
    currency: document.currency ?? null,
    topic: record.topic,
    partition: record.partition,
    offset: String(record.offset),
    event_topic: document.eventTopic,
    event_partition: document.eventPartition,
    event_offset: String(document.eventOffset),
    event_logged_at: document.eventLogTime,
    accepted_at: document.acceptedAt,
    body,
    body_hash: hash([document.kind, body ?? '', open, createOnly].join('\n')),
    open,
    create_only: createOnly,
    repeats: 0,
    differing: 0,
  };
}

function bodyOf(document: DocumentHeaders, value: Buffer | null): string | null {
  if (document.kind !== 'document') return null;
  if (value === null) throw new Error('a document without a value');
  return writeExactJson(parseExactJson(unframe(value).body));
}

/** PostgreSQL refuses to touch a row twice in one statement: repeats within a batch are counted here. */
function firstOfEach(rows: readonly IntakeRow[]): IntakeRow[] {
  const first = new Map<string, IntakeRow>();
  for (const row of rows) {
    const key = `${row.event_id} ${row.flow}`;
    const known = first.get(key);
    if (known === undefined) first.set(key, row);
    else {
      known.repeats++;
      if (known.body_hash !== row.body_hash) known.differing++;
    }
  }
  return [...first.values()];
}
