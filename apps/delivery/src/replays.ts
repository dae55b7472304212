import type { Target } from '#contracts';
import type { Database, Transaction } from '#db';
import { replay, type Revising } from './core/revision.ts';
import { WAKE_CHANNEL } from './engine/dependencies.ts';
import { loadOne } from './engine/store.ts';
import { FIND_REPLAYED, KEEP_REPLAY_OUTCOME, type FoundReplayed } from './sql/replay.ts';
import type { IntakeRow } from './sql/intake.ts';
import { MEET, REVISE, type MetRow, type NewRevision } from './sql/revise.ts';

/** A record of a document topic that was made of a replayed event. */
export interface ReplayedRow {
  /** the replay's own event */
  replay: string;
  /** as of the original event: its id, its document id */
  row: IntakeRow;
}

interface LockedLane {
  id: bigint;
  connection: string;
  document: string;
  key: string;
  token: bigint;
}

const LOCK_LANE = `select l.id, l.connection, l.document, l.key, l.token from lane l
  where l.id = (select lane_id from delivery where id = $1) for update`;

/**
 * Takes in one replayed document by what it finds. What became of it is kept per replay and flow, so that a redelivery of the record
 * changes nothing, also after a person edited meanwhile. `first` takes a document in that this flow never made of the event.
 */
export function takeReplay(
  database: Database,
  targets: ReadonlyMap<string, Target>,
  { replay: event, row }: ReplayedRow,
  first: (tx: Transaction, row: IntakeRow) => Promise<void>,
): Promise<void> {
  return database.transaction(async (tx) => {
    const [found] = await tx.query<FoundReplayed>(FIND_REPLAYED, [row.event_id, row.flow, event]);
    if (found!.seen) return;
    const keep = (delivery: bigint | null, outcome: string, revision: number | null, note: string | null) =>
      tx.query(KEEP_REPLAY_OUTCOME, [event, row.flow, delivery, outcome, revision, note]);
    if (found!.delivery_id === null) {
      await first(tx, row);
      await keep(null, 'taken', 1, null);
      return;
    }
    const id = found!.delivery_id;
    const [lane] = await tx.query<LockedLane>(LOCK_LANE, [id]);
    const [again] = await tx.query<FoundReplayed>(FIND_REPLAYED, [row.event_id, row.flow, event]); // now that nobody else has the lane
    if (again!.seen) return;
    const decided = await decide(tx, id, lane!, targets, row, found!.resend);
    if (decided.do === 'nothing') {
      await keep(id, 'nothing', null, decided.why);
      return;
    }
    const [made] = await tx.query<{ revision: number }>(REVISE, [
      id,
      JSON.stringify(revisionOf(row, found!.command_id)),
      false,
    ]);
    await keep(id, 'revised', made!.revision, null);
    await tx.query(`select pg_notify('${WAKE_CHANNEL}', $1)`, [row.connection]);
  });
}

async function decide(
  tx: Transaction,
  id: bigint,
  lane: LockedLane,
  targets: ReadonlyMap<string, Target>,
  row: IntakeRow,
  resend: boolean,
): Promise<Revising> {
  const declaration = targets.get(lane.connection)?.documents.get(lane.document);
  if (declaration === undefined)
    return { do: 'nothing', why: `${lane.connection} no longer declares the document type ${lane.document}` };
  if (lane.connection !== row.connection || lane.document !== row.document)
    return {
      do: 'nothing',
      why: `the flow made a ${lane.document} for ${lane.connection} of it, and makes another document by now`,
    };
  const subject = await loadOne(tx, id, lane);
  const [met] = await tx.query<MetRow>(MEET, [id]);
  return replay(
    { lane: subject.lane, delivery: subject.delivery, declaration, newer: met!.newer },
    { kind: row.kind as typeof subject.delivery.kind, same: met!.content_hash === row.body_hash, resend },
  );
}

const revisionOf = (row: IntakeRow, command: string | null): NewRevision => ({
  kind: row.kind,
  body: row.body,
  open: row.open,
  create_only: row.create_only,
  content_hash: row.body_hash,
  origin: 'replay',
  bundle: row.bundle,
  command_id: command,
  review: row.review,
  reason: row.reason,
  amount: row.amount,
  currency: row.currency,
});
