import { headersToDocument, recordKey, type DocumentHeaders, type StoredRecord, type Target } from '#contracts';
import { isHopeless, type Database, type Transaction } from '#db';
import type { Metrics } from '#platform';
import { unframe, writeExactJson, parseExactJson } from '#schema';
import { contentHashOf } from './core/content.ts';
import { WAKE_CHANNEL } from './engine/dependencies.ts';
import { takeReplay, type ReplayedRow } from './replays.ts';
import { ENSURE_LANES, TAKE_IN, WAKE_LANES, type IntakeRow, type TakenRow } from './sql/intake.ts';

/** What of a record cannot be taken in, by its place in the batch. */
export interface Refused {
  at: number;
  reason: string;
}

/** Sessions of the pool that replays may hold: the rest is for what is new and for sending. */
const REPLAYS_AT_ONCE = 4;
/** A batch of at least so many records has a transaction of its own; smaller ones share one, up to as many. */
const LARGE = 100;
/** A shared transaction that takes longer than this, ms, waits for something of its own: the next begins beside it. */
const PATIENCE_MS = 50;
/** Shared transactions at once, at most. */
const SHARED_AT_ONCE = 6;

export interface IntakeOptions {
  /** by connection name */
  targets?: ReadonlyMap<string, Target>;
  /** the holder of this process's lanes, which needs no notification of what it took in itself */
  process?: string;
}

interface Waiting {
  rows: readonly IntakeRow[];
  taken: PromiseWithResolvers<void>;
}

/**
 * Takes records of document topics into `delivery`: the first of each (event, flow) wins, every differing repeat is counted.
 * A large batch is a transaction of its own; small ones that come while one is under way, each of a partition of its own, share
 * the next. Replays follow, each by what it finds. When it resolves, the offsets may be committed.
 */
export class Intake {
  readonly #database: Database;
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #metrics: Metrics;
  readonly #arrived: (connection: string) => void;
  readonly #process: string | undefined;
  #waiting: Waiting[] = [];
  #sharing = 0;
  /** of those */
  #late = 0;

  constructor(
    database: Database,
    metrics: Metrics,
    arrived: (connection: string) => void,
    { targets = new Map(), process }: IntakeOptions = {},
  ) {
    this.#database = database;
    this.#targets = targets;
    this.#metrics = metrics;
    this.#arrived = arrived;
    this.#process = process;
  }

  async take(records: readonly StoredRecord[]): Promise<Refused[]> {
    const rows: IntakeRow[] = [];
    const replays: ReplayedRow[] = [];
    const places = new Map<IntakeRow, number>();
    const refused: Refused[] = [];
    const refuse = (at: number, cause: unknown): void =>
      void refused.push({ at, reason: cause instanceof Error ? cause.message : String(cause) });
    for (const [at, record] of records.entries()) {
      try {
        const document = headersToDocument(record.headers);
        const row = rowOf(document, record);
        places.set(row, at);
        if (document.replayOf === undefined) rows.push(row);
        else replays.push({ replay: document.eventId, row });
      } catch (cause) {
        refuse(at, cause);
      }
    }
    await this.#takeFitting(rows, (row, cause) => refuse(places.get(row)!, cause));
    // crashpoint intake.after-commit
    await this.#takeReplays(replays, (row, cause) => refuse(places.get(row)!, cause));
    return refused;
  }

  /** What PostgreSQL will never take, a date that is none or a number beyond its type, keeps none of the others from their place. */
  async #takeFitting(rows: readonly IntakeRow[], refuse: Refuse): Promise<void> {
    if (rows.length === 0) return;
    try {
      await (rows.length >= LARGE ? this.#take(rows) : this.#takeWithOthers(rows));
    } catch (error) {
      if (!isHopeless(error)) throw error;
      for (const row of rows) await orRefused(() => this.#take([row]), row, refuse);
    }
  }

  async #take(rows: readonly IntakeRow[]): Promise<void> {
    const unique = firstOfEach(rows);
    try {
      this.#tell(
        await this.#database.transaction(async (tx) => {
          const taken = await store(tx, unique, this.#process);
          // crashpoint intake.before-commit
          return taken;
        }),
      );
    } catch (error) {
      // it may be committed all the same, and what comes again then finds nothing new
      for (const connection of new Set(rows.map((row) => row.connection))) this.#arrived(connection);
      throw error;
    }
  }

  #takeWithOthers(rows: readonly IntakeRow[]): Promise<void> {
    const taken = Promise.withResolvers<void>();
    this.#waiting.push({ rows, taken });
    this.#shareMore();
    return taken.promise;
  }

  #shareMore(): void {
    if (this.#waiting.length > 0 && this.#sharing === this.#late && this.#sharing < SHARED_AT_ONCE) void this.#share();
  }

  async #share(): Promise<void> {
    this.#sharing++;
    while (this.#waiting.length > 0) {
      let count = 0;
      const more = this.#waiting.findIndex(({ rows }) => (count += rows.length) > LARGE);
      const group = this.#waiting.splice(0, more === -1 ? this.#waiting.length : Math.max(1, more));
      const all = group.flatMap(({ rows }) => rows);
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        this.#late++;
        this.#shareMore();
      }, PATIENCE_MS);
      try {
        await this.#take(all);
        for (const { taken } of group) taken.resolve();
      } catch (cause) {
        if (group.length === 1) group[0]!.taken.reject(cause);
        // what one of them brought about must not keep the others from theirs: each by itself
        else await Promise.all(group.map(({ rows, taken }) => this.#take(rows).then(taken.resolve, taken.reject)));
      } finally {
        clearTimeout(timer);
        if (late) this.#late--;
      }
    }
    this.#sharing--;
  }

  /** Each in a transaction of its own, several at once: each waits for the disk. Those of one record one after the other, as they came. */
  async #takeReplays(replays: readonly ReplayedRow[], refuse: Refuse): Promise<void> {
    const records = [...Map.groupBy(replays, ({ row }) => row.key).values()];
    const next = async (): Promise<void> => {
      for (let own = records.pop(); own !== undefined; own = records.pop())
        for (const each of own) await orRefused(() => this.#takeReplay(each), each.row, refuse);
    };
    const ends = await Promise.allSettled(Array.from({ length: Math.min(REPLAYS_AT_ONCE, records.length) }, next));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #takeReplay(replayed: ReplayedRow): Promise<void> {
    let taken: TakenRow[] = [];
    await takeReplay(this.#database, this.#targets, replayed, async (tx, row) => {
      taken = await store(tx, [row], this.#process);
    });
    this.#tell(taken);
    this.#arrived(replayed.row.connection);
  }

  #tell(taken: readonly TakenRow[]): void {
    for (const { flow } of taken) this.#metrics.count('syncAccepted', { flow });
    for (const connection of new Set(taken.map((row) => row.connection))) this.#arrived(connection);
  }
}

type Refuse = (row: IntakeRow, cause: unknown) => void;

async function orRefused(take: () => Promise<void>, row: IntakeRow, refuse: Refuse): Promise<void> {
  try {
    await take();
  } catch (error) {
    if (!isHopeless(error)) throw error;
    refuse(row, error);
  }
}

/** Answers with what is new; tells every process but `by`. */
async function store(tx: Transaction, rows: readonly IntakeRow[], by = ''): Promise<TakenRow[]> {
  tx.queue(ENSURE_LANES, [
    rows.map((row) => row.connection),
    rows.map((row) => row.document),
    rows.map((row) => row.key),
  ]);
  const fresh = await tx.query<TakenRow>(TAKE_IN, [JSON.stringify(rows)]);
  if (fresh.length === 0) return fresh;
  tx.queue(WAKE_LANES, [[...new Set(fresh.map((row) => row.lane_id))]]);
  for (const connection of new Set(fresh.map((row) => row.connection)))
    tx.queue(`select pg_notify('${WAKE_CHANNEL}', $1)`, [`${connection} ${by}`.trim()]);
  return fresh;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Throws, in one sentence without payload, why a record is not a document. A replay's row is that of the event it replays. */
function rowOf(document: DocumentHeaders, record: StoredRecord): IntakeRow {
  for (const name of ['eventId', 'documentId', 'replayOf'] as const)
    if (document[name] !== undefined && !UUID.test(document[name])) throw new Error(`header cd_${name} is no uuid`);
  const body = bodyOf(document, record.value);
  const open = JSON.stringify(document.open);
  const createOnly = JSON.stringify(document.createOnly);
  return {
    document_id: document.documentId,
    event_id: document.replayOf ?? document.eventId,
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
    review: document.review || null,
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
    body_hash: contentHashOf({ kind: document.kind, body, open, createOnly, review: document.review ?? null }),
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
    if (known === undefined) first.set(key, { ...row });
    else {
      known.repeats++;
      if (known.body_hash !== row.body_hash) known.differing++;
    }
  }
  return [...first.values()];
}
