import { FINISHED, type DeliveryStatus, type ErrorClass } from '#contracts';
import { SCHEMA, type Database, type Transaction } from '#db';

/** A document or a withdrawal that the database holds for not delivered, with what it knows of the record. */
export interface Unfinished {
  id: bigint;
  connection: string;
  document: string;
  key: string;
  kind: 'document' | 'withdraw' | 'rejected';
  status: DeliveryStatus;
  version: bigint;
  documentId: string;
  revision: number;
  /** the target's id of the record */
  targetId: string | null;
  /** the target has said that it has something of the record */
  acknowledged: boolean;
  /** withdrawn at the target */
  cancelled: boolean;
  /** facts: something is posted */
  posted: boolean;
  /** an older document of its lane is unfinished as well */
  precededBy: boolean;
}

const list = (statuses: Iterable<string>): string => [...statuses].map((status) => `'${status}'`).join(', ');

/** By id and page by page: the backlog may be long. What only says that nothing is wanted, or was refused, sends nothing. */
const PAGE = `
  select d.id, d.connection, d.document, d.key, d.kind, d.status, d.aggregate_version as version,
    d.document_id::text as "documentId", d.revision, x.target_id as "targetId",
    l.acknowledged is not null as acknowledged, l.cancelled, l.posted is not null as posted,
    exists (
      select 1 from ${SCHEMA}.delivery e
      where e.lane_id = d.lane_id and e.ended is null and e.aggregate_version < d.aggregate_version and e.kind = 'document'
    ) as "precededBy"
  from ${SCHEMA}.delivery d
  join ${SCHEMA}.lane l on l.id = d.lane_id
  left join ${SCHEMA}.xref x on x.connection = d.connection and x.document = d.document and x.key = d.key
  where d.id > $1 and (d.kind in ('document', 'withdraw') or d.status = 'DEAD') and d.status not in (${list(FINISHED)})
  order by d.id limit 500`;

export async function* unfinished(database: Database): AsyncGenerator<Unfinished[]> {
  for (let after = 0n; ;) {
    const page = await database.query<Unfinished>(PAGE, [after]);
    if (page.length === 0) return;
    yield page;
    after = page.at(-1)!.id;
  }
}

/** Sent, and not yet known whether it took effect: only that can be found out next. */
const IN_DOUBT = `(d.status in ('IN_FLIGHT', 'UNKNOWN') or l.doubt is not distinct from d.id)`;
const REVIEW = `case when position($2 in coalesce(d.review, '')) > 0 then d.review else concat_ws('; ', nullif(d.review, ''), $2) end`;

/** In the order in which everything else locks them. */
const LOCK_LANES = `
  select id from ${SCHEMA}.lane where id in (select lane_id from ${SCHEMA}.delivery where id = any($1::bigint[]))
  order by id for update`;

/** Nothing that is bound meanwhile sets it going. */
const STOP_WAITING = `delete from ${SCHEMA}.dependency_wait where delivery_id = any($1::bigint[])`;

/** From these the legal way to a person leads over here. */
const SET_FREE = `
  update ${SCHEMA}.delivery set status = 'PENDING'
  where id = any($1::bigint[]) and status in ('HELD_DEPENDENCY', 'HELD_APPROVAL', 'HELD_CREDIT')`;

/** As a settle would, and whatever stood in its way goes: that may have been out of the way before the restore. */
const HOLD = `
  update ${SCHEMA}.delivery d set status = 'HELD_REVIEW', review = ${REVIEW}, next_attempt_at = null, waiting_for = null,
    error_class = $3, error = null, finished_at = null, changed_at = clock_timestamp()
  from ${SCHEMA}.lane l
  where l.id = d.lane_id and d.id = any($1::bigint[]) and d.ended is null and d.status <> 'DEAD' and not ${IN_DOUBT}
  returning d.id`;

/** Delivery finds out what became of it, or parks it; with a reason for review on it, it plans no other request. */
const HOLD_AFTER_DOUBT = `
  update ${SCHEMA}.delivery d set review = ${REVIEW}, changed_at = clock_timestamp()
  from ${SCHEMA}.lane l
  where l.id = d.lane_id and d.id = any($1::bigint[]) and d.ended is null and d.status <> 'DEAD' and ${IN_DOUBT}
  returning d.id`;

/** The doubt stays open: a person says what became of it. */
const PARK = `
  update ${SCHEMA}.delivery d set status = 'PARKED', error_class = 'UNKNOWN_OUTCOME', error = $2, next_attempt_at = null,
    changed_at = clock_timestamp()
  from ${SCHEMA}.lane l
  where l.id = d.lane_id and d.id = any($1::bigint[]) and d.ended is null and d.status <> 'DEAD' and ${IN_DOUBT}
  returning d.id`;

/** So many in one transaction: each locks a lane. */
const AT_ONCE = 1_000;

export interface Why {
  reason: string;
  /** UNKNOWN_OUTCOME: nothing newer of its record is sent before a person has looked */
  errorClass: ErrorClass | null;
  doubts: 'find-out' | 'park';
}

/**
 * Holds deliveries for a person, whatever they wait for: what moves by itself (the hour of a closed period, a reference that is
 * bound) would be sent without anybody's word. Only dead letters stay, which nothing but a person moves. What is in
 * doubt goes on until that is known: `find-out`; or by nobody but a person: `park`.
 *
 * Answers how many. Only while nothing is sent: it takes no lane's token.
 */
export async function hold(database: Database, ids: readonly bigint[], why: Why): Promise<number> {
  let held = 0;
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE);
    held += await database.transaction((tx) => holdSome(tx, some, why));
  }
  return held;
}

async function holdSome(tx: Transaction, ids: readonly bigint[], { reason, errorClass, doubts }: Why): Promise<number> {
  await tx.query(LOCK_LANES, [ids]);
  await tx.query(STOP_WAITING, [ids]);
  await tx.query(SET_FREE, [ids]);
  const held = await tx.query(HOLD, [ids, reason, errorClass]);
  const doubtful = await tx.query(doubts === 'park' ? PARK : HOLD_AFTER_DOUBT, [ids, reason]);
  return held.length + doubtful.length;
}
