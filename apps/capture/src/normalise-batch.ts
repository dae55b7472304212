import type { Database, Transaction } from '#db';
import { CrossdockError, type Connection } from '#contracts';
import { appendEvents, type EncodedEvent } from '#outbox';
import { logger } from '#platform';
import { fault, isAway } from './fault.ts';
import { normalise, type Canonical, type Normalised } from './normalise.ts';
import type { Lease } from './statements/claim-leases.ts';
import { HOLD_LEASES } from './statements/hold-leases.ts';
import { LOCK_RECORDS } from './statements/lock-records.ts';
import { READ_WAITING, type WaitingRow } from './statements/read-waiting.ts';
import { SETTLE_CAPTURED } from './statements/settle-captured.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Rows of one record in one batch: a record with a thousand must not hold up the others of its batch. */
const ROWS_PER_RECORD = 50;
/** Bytes of payload in one batch: two hundred records with a mebibyte each would be gigabytes by the time they are events. */
const BYTES = 8 * 1024 * 1024;

export interface BatchResult {
  published: WaitingRow[];
  rejected: WaitingRow[];
  /** records that may have more waiting than one batch takes */
  unfinished: string[];
  /** records whose lease somebody else has by now: nothing of them was written */
  lost: string[];
}

type Decided = { row: WaitingRow; result: Normalised };
type Known = { canonical: Canonical | undefined } | { refused: Normalised };

/** Turns what waits of leased records into outbox rows, in one transaction that also checks and ends the leases. */
export class NormaliseBatch {
  readonly #database: Database;
  readonly #tenant: string;
  readonly #connections: ReadonlyMap<string, Connection>;
  readonly #vocabulary: Vocabulary;

  constructor(
    database: Database,
    tenant: string,
    connections: ReadonlyMap<string, Connection>,
    vocabulary: Vocabulary,
  ) {
    this.#database = database;
    this.#tenant = tenant;
    this.#connections = connections;
    this.#vocabulary = vocabulary;
  }

  /** names of the connections whose rows this process can turn into events */
  get connections(): string[] {
    return [...this.#connections.keys()];
  }

  /** Throws retryable errors only: a row that makes an append fail is found and set aside by itself. */
  async run(leases: readonly Lease[], most = ROWS_PER_RECORD): Promise<BatchResult> {
    const rows = await this.#database.query<WaitingRow>(READ_WAITING, [
      leases.map(({ key }) => key),
      most,
      this.connections,
      BYTES,
    ]);
    const decided: Decided[] = [];
    const known = new Map<string, Known>();
    for (const row of rows) decided.push({ row, result: await this.#decide(row, known) });
    try {
      const result = await this.#settle(leases, decided, most);
      return { ...result, unfinished: [...new Set([...result.unfinished, ...behindTheCut(leases, rows)])] };
    } catch (error) {
      if (isAway(error)) throw error;
      if (leases.length === 1 && most === 1) return this.#settle(leases, setAside(decided, error), most);
      return this.#oneByOne(leases);
    }
  }

  /** Something in the batch cannot be appended: record by record and row by row it hurts only itself. */
  async #oneByOne(leases: readonly Lease[]): Promise<BatchResult> {
    const all: BatchResult = { published: [], rejected: [], unfinished: [], lost: [] };
    for (const lease of leases) {
      const one = await this.run([lease], 1);
      for (const name of ['published', 'rejected'] as const) all[name].push(...one[name]);
      for (const name of ['unfinished', 'lost'] as const) all[name].push(...one[name]);
    }
    return all;
  }

  /** `known` is what this batch has found out of connections and entities: one question and one line in the log for each. */
  async #decide(row: WaitingRow, known: Map<string, Known>): Promise<Normalised> {
    const name = `${row.connection} ${row.entity}`;
    const found = known.get(name) ?? (await this.#know(row));
    known.set(name, found);
    if ('refused' in found) return found.refused;
    try {
      return normalise(row, this.#tenant, this.#connections.get(row.connection)!, found.canonical);
    } catch (error) {
      return ourFault(row, error);
    }
  }

  /** Throws while the registry is away. One that refuses the schema sets aside what needs it, and nothing else waits for it. */
  async #know({ connection, entity }: WaitingRow): Promise<Known> {
    try {
      return { canonical: await this.#vocabulary.canonical(connection, entity) };
    } catch (error) {
      if (isAway(error)) throw error;
      logger('capture').error({ err: error, entity }, 'the schema of an entity cannot be used; its rows are set aside');
      const reason = `the schema registry does not take canonical/${entity}; mend that and normalise it again`;
      return { refused: { ok: false, code: 'CROSSDOCK_CAPTURE_REGISTRY', reason } };
    }
  }

  async #settle(leases: readonly Lease[], decided: readonly Decided[], most: number): Promise<BatchResult> {
    return this.#database.transaction(async (tx) => {
      const held = await holdLeases(tx, leases);
      const mine = decided.filter(({ row }) => held.has(row.key));
      const outboxIds = await append(tx, mine);
      // crashpoint normaliser.after-append
      const settled = await tx.query<{ count: number }>(SETTLE_CAPTURED, [
        mine.map(({ row }) => row.id),
        mine.map(({ result }) => (result.ok ? 'published' : 'rejected')),
        mine.map(({ row }) => outboxIds.get(row.event_id) ?? null),
        mine.map(({ result }) => (result.ok ? null : result.code)),
        mine.map(({ result }) => (result.ok ? null : result.reason)),
        leases.map(({ key }) => key),
        leases.map(({ token }) => token),
      ]);
      if (settled[0]!.count !== mine.length)
        throw new CrossdockError('CROSSDOCK_CAPTURE_RACE', 'a leased row was decided by somebody else', {
          retryable: true,
        });
      const counts = Map.groupBy(mine, ({ row }) => row.key);
      return {
        published: mine.filter(({ result }) => result.ok).map(({ row }) => row),
        rejected: mine.filter(({ result }) => !result.ok).map(({ row }) => row),
        unfinished: [...counts].filter(([, group]) => group.length >= most).map(([key]) => key),
        lost: leases.map(({ key }) => key).filter((key) => !held.has(key)),
      };
    });
  }
}

/** Records whose rows, or some of them, did not fit into the batch. Those without a row may have none: they are asked again. */
function behindTheCut(leases: readonly Lease[], rows: readonly WaitingRow[]): string[] {
  const last = rows.at(-1);
  if (last === undefined || BigInt(rows.length) === last.candidates) return [];
  const whole = new Set(rows.map(({ key }) => key));
  whole.delete(last.key);
  return leases.map(({ key }) => key).filter((key) => !whole.has(key));
}

async function holdLeases(tx: Transaction, leases: readonly Lease[]): Promise<Set<string>> {
  const held = await tx.query<{ key: string }>(HOLD_LEASES, [
    leases.map(({ key }) => key),
    leases.map(({ token }) => token),
  ]);
  return new Set(held.map(({ key }) => key));
}

/** In the rows' order, which is the order of versions within each record. */
async function append(tx: Transaction, mine: readonly Decided[]): Promise<Map<string, bigint>> {
  const events: EncodedEvent[] = mine.flatMap(({ result }) => (result.ok ? [result.event] : []));
  if (events.length === 0) return new Map();
  tx.queue(LOCK_RECORDS, [[...new Set(events.map(({ envelope }) => envelope.partitionkey))]]);
  const appended = await appendEvents(tx, events);
  return new Map(events.map(({ envelope }, at) => [envelope.id, appended[at]!.outboxId]));
}

function setAside(decided: readonly Decided[], error: unknown): Decided[] {
  return decided.map(({ row }) => ({ row, result: ourFault(row, error) }));
}

function ourFault(row: WaitingRow, error: unknown): Normalised {
  const err = fault('appending an event', error);
  logger('capture').error({ err, captured: String(row.id) }, 'a captured row could not become an event');
  return { ok: false, code: 'CROSSDOCK_CAPTURE_FAULT', reason: 'this is a fault of ours; the log has it' };
}
