import { CrossdockError } from '#contracts';
import { SCHEMA, type Queryable, type Statement } from '#db';

/** The channel an append rings while the relay sleeps. */
export const DOORBELL = 'crossdock_outbox';

/** One row of the outbox, encoded. */
export interface OutboxRow {
  eventId: string;
  /** entity */
  aggregateType: string;
  /** record id, idPrefix included */
  aggregateId: string;
  type: string;
  topic: string;
  /** record key */
  key: string;
  headers: Readonly<Record<string, string>>;
  payload: Buffer | null;
}

export interface Appended {
  outboxId: bigint;
  /** the event id was there already: nothing was appended, `outboxId` is the first one's */
  duplicate: boolean;
}

/**
 * The relay drops a gap when every transaction older than a mark has ended; that is proof only if whoever draws an id
 * has a transaction id by then. So: no transaction id yet (nobody locked a record before, or this is no transaction at
 * all) gives no row. Ids follow the order of the list (`order by ord` before nextval), hence the order of versions drawn.
 * `on conflict` waits for an open transaction that appends the same event. NOTIFY takes a lock over all
 * committing transactions, so it is sent only while the relay sleeps.
 */
const APPEND: Statement = {
  name: 'outbox-append',
  text: `
    with event as materialized (
      select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::bytea[])
        with ordinality as event (event_id, aggregatetype, aggregateid, type, topic, key, headers, payload, ord)
    ), fresh as (
      insert into ${SCHEMA}.outbox_event (event_id, outbox_id)
      select event_id, nextval('${SCHEMA}.outbox_id')
      from (select event_id from event where pg_current_xact_id_if_assigned() is not null order by ord) as ordered
      on conflict (event_id) do nothing
      returning event_id, outbox_id
    ), stored as (
      insert into ${SCHEMA}.outbox (id, event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
      select outbox_id, event_id, aggregatetype, aggregateid, type, topic, key, headers, payload
      from fresh join event using (event_id)
      returning id
    ), rung as (
      select pg_notify('${DOORBELL}', '') from ${SCHEMA}.relay_cursor
      where asleep and exists (select 1 from stored)
    )
    select event_id, outbox_id, (select count(*) from rung) as rung from fresh`,
};

const KNOWN: Statement = {
  name: 'outbox-known',
  text: `select event_id, outbox_id from ${SCHEMA}.outbox_event where event_id = any($1::uuid[])`,
};

interface Row {
  event_id: string;
  outbox_id: bigint | string;
}

/**
 * Appends rows in the order given and answers in that order. The transaction must have locked the rows' records before
 * (`drawVersions`, `lockRecord`, or a version counter of the caller): otherwise `CROSSDOCK_OUTBOX_NO_TRANSACTION`.
 */
export async function appendRows(tx: Queryable, rows: readonly OutboxRow[]): Promise<Appended[]> {
  if (rows.length === 0) return [];
  const seen = new Set<string>();
  const unique = rows.filter(({ eventId }) => !seen.has(eventId) && seen.add(eventId));
  const fresh = idsOf(
    await tx.query<Row>(APPEND, [
      unique.map((row) => row.eventId),
      unique.map((row) => row.aggregateType),
      unique.map((row) => row.aggregateId),
      unique.map((row) => row.type),
      unique.map((row) => row.topic),
      unique.map((row) => row.key),
      unique.map((row) => JSON.stringify(row.headers)),
      unique.map((row) => row.payload),
    ]),
  );
  const known = fresh.size === unique.length ? new Map<string, bigint>() : await knownEvents(tx, unique, fresh);
  const answered = new Set<string>();
  return rows.map((row) => {
    const own = fresh.get(row.eventId);
    const duplicate = own === undefined || answered.has(row.eventId);
    answered.add(row.eventId);
    const outboxId = own ?? known.get(row.eventId);
    if (outboxId === undefined)
      throw new CrossdockError(
        'CROSSDOCK_OUTBOX_NO_TRANSACTION',
        'an outbox row must follow the lock of its record in the same transaction: draw its version first',
      );
    return { outboxId, duplicate };
  });
}

/** Where events stand in the outbox, by event id; unknown ones are absent. */
export async function findEvents(tx: Queryable, eventIds: readonly string[]): Promise<Map<string, bigint>> {
  return idsOf(await tx.query<Row>(KNOWN, [eventIds]));
}

async function knownEvents(
  tx: Queryable,
  rows: readonly OutboxRow[],
  fresh: ReadonlyMap<string, bigint>,
): Promise<Map<string, bigint>> {
  return findEvents(
    tx,
    rows.map((row) => row.eventId).filter((id) => !fresh.has(id)),
  );
}

function idsOf(rows: readonly Row[]): Map<string, bigint> {
  return new Map(rows.map((row) => [row.event_id, BigInt(row.outbox_id)]));
}
