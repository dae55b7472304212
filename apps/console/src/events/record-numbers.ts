import { Injectable } from '@nestjs/common';
import type { Queryable } from '#db';
import { ConsoleDatabase } from '../console-database.ts';
import { EventRecords } from '../mappings/event-records.ts';

/** Nobody knows an order by its event id: the number on it is in the record, which only we can read. */
const BATCH = 2_000;
/** One question reads at most so many events before it answers with what it knows. */
const MOST_BATCHES = 50;

/** `order by id`: the cursor says up to where. */
const READ = `
  select id, aggregatetype as entity, key, payload from outbox
  where id > $1 and topic like 'crm.%' order by id limit ${BATCH}`;
/** Ids up to here are visible or will never be; what is above is read again until the relay has proven it. */
const PROVEN = `
  select n.high, least(min(c.high), min((gap->>'from')::bigint) - 1) as proven
  from record_number_cursor n cross join relay_cursor c left join lateral jsonb_array_elements(c.gaps) as gap on true
  group by n.high`;
const KEEP = `
  insert into record_number (entity, number, key, outbox_id)
  select distinct on (entity, number, key) * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as n (entity, number, key, id)
  order by entity, number, key, id desc
  on conflict (entity, number, key) do update set outbox_id = greatest(record_number.outbox_id, excluded.outbox_id)`;
const MOVE = `update record_number_cursor set high = greatest(high, $1)`;
const FIND = `select distinct key from record_number where number = $1 and ($2::text is null or entity = $2) limit 50`;

interface Row {
  id: bigint;
  entity: string;
  key: string;
  payload: Buffer | null;
}

/**
 * Which records carry a number (`order.number`, `customer.number`). A read model of the console's own, brought up to date
 * when somebody asks: no stage pays for it.
 */
@Injectable()
export class RecordNumbers {
  readonly #database: ConsoleDatabase;
  readonly #records: EventRecords;
  #catchingUp: Promise<boolean> | undefined;

  constructor(database: ConsoleDatabase, records: EventRecords) {
    this.#database = database;
    this.#records = records;
  }

  /** Keys of the records; `complete` is false while older events are still unread: ask again. */
  async find(number: string, entity?: string): Promise<{ keys: string[]; complete: boolean }> {
    this.#catchingUp ??= this.#catchUp().finally(() => (this.#catchingUp = undefined));
    const complete = await this.#catchingUp;
    const rows = await this.#database.query<{ key: string }>(FIND, [number, entity ?? null]);
    return { keys: rows.map(({ key }) => key), complete };
  }

  async #catchUp(): Promise<boolean> {
    const db: Queryable = this.#database.database;
    const [{ high, proven } = { high: 0n, proven: 0n }] = await db.query<{ high: bigint; proven: bigint }>(PROVEN);
    let at = high;
    for (let batch = 0; batch < MOST_BATCHES; batch++) {
      const rows = await db.query<Row>(READ, [at]);
      await this.#keep(db, rows);
      at = rows.at(-1)?.id ?? at;
      const done = rows.length < BATCH;
      const safe = done ? proven : at < proven ? at : proven;
      if (safe > high) await db.query(MOVE, [safe]);
      if (done) return true;
    }
    return false;
  }

  async #keep(db: Queryable, rows: readonly Row[]): Promise<void> {
    const found: { entity: string; number: string; key: string; id: bigint }[] = [];
    for (const { id, entity, key, payload } of rows) {
      const value = await this.#records.read(entity, payload);
      const number = value.ok ? value.record['number'] : undefined;
      if (typeof number === 'string' && number !== '') found.push({ entity, number, key, id });
    }
    if (found.length === 0) return;
    await db.query(KEEP, [
      found.map(({ entity }) => entity),
      found.map(({ number }) => number),
      found.map(({ key }) => key),
      found.map(({ id }) => id),
    ]);
  }
}
