import { randomUUID } from 'node:crypto';
import { CrossdockError, eventId, recordKey, type Connection, type RawEvent } from '#contracts';
import type { Database, Transaction } from '#db';
import { drawVersions } from '#outbox';
import { CONFLICT, type AnswerItem } from './answer.ts';
import { FIND_KEYS, type KnownKey } from './statements/find-keys.ts';
import { INSERT_CAPTURED } from './statements/insert-captured.ts';
import { INSERT_CONFLICT } from './statements/insert-conflict.ts';
import { INSERT_KEYS, type InsertedKey } from './statements/insert-keys.ts';

/** An event of a request with all that is derived from it. */
export interface CapturedEvent {
  raw: RawEvent;
  /** idPrefix included */
  recordId: string;
  key: string;
  eventId: string;
  /** used if this event turns out to be new */
  receiptId: string;
}

/**
 * Keeps what requests bring: event id, version, row and payload in one transaction, and only then is anything answered.
 * Locks are taken in one order everywhere: event ids, then records by key.
 */
export class Store {
  readonly #database: Database;
  readonly #tenant: string;
  readonly #kept: (keys: readonly string[]) => void;

  /** `kept` is called after the commit with the keys of records that have something new */
  constructor(database: Database, tenant: string, kept: (keys: readonly string[]) => void) {
    this.#database = database;
    this.#tenant = tenant;
    this.#kept = kept;
  }

  /** Answers in the order given. Throws a retryable error when it cannot tell whether anything was kept. */
  async keep(connection: Connection, raw: readonly RawEvent[]): Promise<AnswerItem[]> {
    if (raw.length === 0) return [];
    const events = raw.map((each) => this.#derive(connection, each));
    const ids = new Set<string>();
    const firsts = events.filter(({ raw: { sourceEventId } }) => !ids.has(sourceEventId) && ids.add(sourceEventId));
    const known = await this.#commit(connection.name, events, firsts);
    // crashpoint capture.after-commit
    const fresh = firsts.filter((event) => known.get(event.raw.sourceEventId)!.receipt_id === event.receiptId);
    if (fresh.length > 0) this.#kept(fresh.filter((event) => !event.raw.defect).map((event) => event.key));
    return events.map((event) => answerOf(event, known.get(event.raw.sourceEventId)!));
  }

  /** What stands under each event id when all is done, ours or an earlier one. */
  async #commit(
    connection: string,
    events: readonly CapturedEvent[],
    firsts: readonly CapturedEvent[],
  ): Promise<Map<string, KnownKey>> {
    try {
      return await this.#database.transaction((tx) => this.#write(tx, connection, events, firsts));
    } catch (error) {
      if (!(error instanceof CrossdockError && error.code === 'CROSSDOCK_DB_COMMIT_UNKNOWN')) throw error;
      // Absence would prove nothing, the commit may still be on its way. What is there is there.
      const known = await this.#find(this.#database, connection, firsts);
      if (known.size === firsts.length) return known;
      throw error;
    }
  }

  async #write(
    tx: Transaction,
    connection: string,
    events: readonly CapturedEvent[],
    firsts: readonly CapturedEvent[],
  ): Promise<Map<string, KnownKey>> {
    const inserted = await tx.query<InsertedKey>(INSERT_KEYS, [
      this.#tenant,
      connection,
      firsts.map((event) => event.raw.sourceEventId),
      firsts.map((event) => event.receiptId),
      firsts.map((event) => event.raw.fingerprint),
    ]);
    // crashpoint capture.after-keys
    const ids = new Map(inserted.map((row) => [row.source_event_id, row.captured_id]));
    const fresh = firsts.filter((event) => ids.has(event.raw.sourceEventId));
    if (fresh.length > 0) await this.#insert(tx, connection, fresh, ids);
    const others = firsts.filter((event) => !ids.has(event.raw.sourceEventId));
    const known = others.length > 0 ? await this.#find(tx, connection, others) : new Map<string, KnownKey>();
    for (const event of fresh) known.set(event.raw.sourceEventId, knownOf(event, ids.get(event.raw.sourceEventId)!));
    this.#recordConflicts(tx, events, known);
    // crashpoint capture.before-commit
    return known;
  }

  async #insert(
    tx: Transaction,
    connection: string,
    fresh: readonly CapturedEvent[],
    ids: ReadonlyMap<string, bigint>,
  ): Promise<void> {
    const drawn = await drawVersions(
      tx,
      fresh.map((event) => ({ key: event.key, sourceVersion: event.raw.sourceVersion })),
    );
    const column = <T>(of: (event: CapturedEvent, at: number) => T): T[] => fresh.map(of);
    tx.queue(INSERT_CAPTURED, [
      this.#tenant,
      connection,
      column((event) => ids.get(event.raw.sourceEventId)),
      column((event) => event.receiptId),
      column((event) => event.raw.sourceEventId),
      column((event) => event.raw.type),
      column((event) => event.raw.entity),
      column((event) => event.recordId),
      column((event) => event.key),
      column((_, at) => drawn[at]!.version),
      column((_, at) => drawn[at]!.sourceVersion ?? null),
      column((event) => event.eventId),
      column((_, at) => drawn[at]!.hopCount),
      column((event) => event.raw.occurredAt ?? null),
      column((event) => event.raw.traceparent ?? null),
      column((event) => event.raw.defect?.code ?? null),
      column((event) => event.raw.defect?.reason ?? null),
      column((event) => event.raw.data),
    ]);
  }

  #recordConflicts(tx: Transaction, events: readonly CapturedEvent[], known: ReadonlyMap<string, KnownKey>): void {
    const conflicts = events.filter(
      (event) => known.get(event.raw.sourceEventId)?.fingerprint !== event.raw.fingerprint,
    );
    if (conflicts.length === 0) return;
    tx.queue(INSERT_CONFLICT, [
      conflicts.map((event) => known.get(event.raw.sourceEventId)!.captured_id),
      conflicts.map((event) => event.raw.fingerprint),
      conflicts.map((event) => event.raw.data),
    ]);
  }

  async #find(
    database: Database | Transaction,
    connection: string,
    events: readonly CapturedEvent[],
  ): Promise<Map<string, KnownKey>> {
    const ids = events.map((event) => event.raw.sourceEventId);
    const rows = await database.query<KnownKey>(FIND_KEYS, [this.#tenant, connection, ids]);
    return new Map(rows.map((row) => [row.source_event_id, row]));
  }

  #derive(connection: Connection, raw: RawEvent): CapturedEvent {
    const recordId = connection.idPrefix + raw.recordId;
    return {
      raw,
      recordId,
      key: recordKey(this.#tenant, raw.entity, recordId),
      eventId: eventId({
        tenant: this.#tenant,
        source: connection.name,
        entity: raw.entity,
        recordId,
        sourceEventId: raw.sourceEventId,
      }),
      receiptId: randomUUID(),
    };
  }
}

function knownOf(event: CapturedEvent, capturedId: bigint): KnownKey {
  return {
    source_event_id: event.raw.sourceEventId,
    captured_id: capturedId,
    receipt_id: event.receiptId,
    fingerprint: event.raw.fingerprint,
    event_id: event.eventId,
  };
}

function answerOf(event: CapturedEvent, known: KnownKey): AnswerItem {
  const stands = { receiptId: known.receipt_id, eventId: known.event_id };
  if (known.receipt_id === event.receiptId) return { ...stands, result: 'accepted' };
  if (known.fingerprint === event.raw.fingerprint) return { ...stands, result: 'duplicate' };
  return { ...stands, result: 'conflict', code: CONFLICT };
}
