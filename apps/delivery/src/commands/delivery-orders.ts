import type { DeliveryStatus, DocumentDeclaration, Operation } from '#contracts';
import { knownId } from '../core/happened.ts';
import { LOOK_THERE, mayBeThere } from '../core/choose.ts';
import { settledAt, doubtsOf } from '../core/resolver.ts';
import { WAITING } from '../core/revision.ts';
import type { Attempt, Delivery, Lane } from '../core/lane.ts';
import { rowFor } from '../engine/settle-row.ts';
import { loadOne } from '../engine/store.ts';
import { REVIEWED } from '../sql/load.ts';
import type { SettleRow } from '../sql/settle.ts';
import { refuse, type Answer, type OrderContext } from './order.ts';

export interface Subject {
  lane: Lane;
  delivery: Delivery;
  attempts: Attempt[];
  declaration: DocumentDeclaration;
  now: Date;
}

type Decision = { refused: string } | { changes: Partial<SettleRow> & { status: DeliveryStatus }; note?: string };

/** The delivery that an order names, under its lane's lock, as it is once the lane has a new token. */
export async function lockSubject({ tx, targets, order }: OrderContext): Promise<Subject | { refused: string }> {
  const id = deliveryIdOf(order.target);
  if (id === undefined) return refuse('the order names no delivery');
  const [lane] = await tx.query<{ id: bigint; connection: string; document: string; key: string; token: bigint }>(
    `select l.id, l.connection, l.document, l.key, l.token from lane l
      where l.id = (select lane_id from delivery where id = $1) for update`,
    [id],
  );
  if (lane === undefined) return refuse(`there is no delivery ${id}`);
  const declaration = targets.get(lane.connection)?.documents.get(lane.document);
  if (declaration === undefined)
    return refuse(`${lane.connection} no longer declares the document type ${lane.document}`);
  return { ...(await loadOne(tx, id, { ...lane, token: lane.token + 1n })), declaration };
}

/** Runs an order about one delivery under the lane's lock and a new token, so that whoever held the lane changes nothing more. */
export async function onDelivery(context: OrderContext, decide: (subject: Subject) => Decision): Promise<Answer> {
  const { tx, store, order, settled } = context;
  const subject = await lockSubject(context);
  if ('refused' in subject) return subject;
  const { lane, declaration } = subject;
  const { id } = subject.delivery;
  const decision = decide(subject);
  if ('refused' in decision) return decision;
  const holder = `order ${order.id}`;
  const sends = decision.changes.status === 'PENDING' || decision.changes.status === 'UNKNOWN';
  await tx.query(`update lane set token = $2, holder = $3, ordered = ordered or $4 where id = $1`, [
    lane.id,
    lane.token,
    holder,
    sends,
  ]);
  await tx.query(`delete from dependency_wait where delivery_id = $1`, [id]);
  if (decision.changes.status === 'PENDING')
    await tx.query(`update delivery set review = $2, hop_count = 0, reported = null where id = $1`, [id, REVIEWED]);
  const row = rowFor(subject.lane, subject.delivery, decision.changes.status, {
    step: 0,
    due_ms: 0,
    by: order.actor,
    ...decision.changes,
  });
  const recorded = await store.settleIn(tx, [{ row, lane: subject.lane, nature: declaration.nature }], holder);
  settled.push(recorded);
  return {
    done: {
      deliveryId: String(id),
      status: decision.changes.status,
      ...(decision.note ? { note: decision.note } : {}),
    },
  };
}

function deliveryIdOf(target: unknown): bigint | undefined {
  const id: unknown =
    typeof target === 'object' && target !== null && 'deliveryId' in target ? target.deliveryId : undefined;
  return (typeof id === 'string' && /^\d{1,18}$/.test(id)) || Number.isSafeInteger(id)
    ? BigInt(id as string | number)
    : undefined;
}

/** Try again now: what waits, is held, parked or dead. Never with a doubt open: what was tried then may have happened. */
export function retry({ lane, delivery }: Subject): Decision {
  if (lane.doubt !== null && lane.doubt !== delivery.id)
    return { refused: 'another delivery of this record is in doubt: resolve that one first' };
  if (lane.doubt !== null)
    return {
      refused:
        delivery.status === 'PARKED'
          ? 'it was sent, and whether it took effect could not be found out: look at the target and resolve it as applied or not-applied'
          : `it is ${delivery.status}: its outcome is being found out already`,
    };
  if (!WAITING.has(delivery.status)) return { refused: `it is ${delivery.status}: there is nothing to try again` };
  return { changes: { status: 'PENDING' } };
}

/** Never send it. Refused while it is unknown whether it was sent already: a newer version would be a second one. */
export function cancel({ lane, delivery }: Subject): Decision {
  if (lane.doubt !== null) return { refused: 'a request of this record is open or in doubt: resolve it first' };
  if (mayBeThere(delivery)) return { refused: LOOK_THERE };
  if (!WAITING.has(delivery.status)) return { refused: `it is ${delivery.status}: there is nothing to cancel` };
  if (delivery.reversed)
    return { refused: 'what was posted before is reversed already, and nothing is posted now: retry it, or edit it' };
  return { changes: { status: 'CANCELLED' } };
}

/**
 * A person looked at the target and says what happened. "Not applied" only after the settle time: before, the request may
 * still take effect.
 */
export function resolveBy(as: unknown, targetId: unknown) {
  return (subject: Subject): Decision => {
    if (as !== 'applied' && as !== 'not-applied') return { refused: 'as must be applied or not-applied' };
    if (targetId !== undefined && targetId !== null && typeof targetId !== 'string')
      return { refused: 'targetId must be text' };
    const { lane, delivery, attempts } = subject;
    if (lane.doubt !== null && lane.doubt !== delivery.id)
      return { refused: 'another delivery of this record is in doubt: resolve that one first' };
    if (attempts.some((attempt) => attempt.outcome === null))
      return { refused: 'a request is open: wait for its answer' };
    return as === 'applied' ? applied(subject, targetId || null) : notApplied(subject);
  };
}

function applied({ lane, delivery, attempts, declaration }: Subject, targetId: string | null): Decision {
  const doubt = doubtsOf(attempts).at(-1);
  const byHand = delivery.status === 'DEAD' || delivery.status === 'PARKED' || delivery.status === 'HELD_REVIEW';
  if (doubt === undefined && !byHand) return { refused: `it is ${delivery.status}: there is nothing to resolve` };
  const id = targetId ?? knownId(lane, declaration) ?? (declaration.idIsKey ? lane.key : null);
  if (id === null && declaration.nature === 'state' && !declaration.operations.has('write'))
    return { refused: 'say the targetId: later versions of this record are updates of it' };
  const operation = doubt?.operation ?? handMade(delivery, declaration);
  const closes = doubt === undefined ? null : 'person';
  if (id === null && operation !== 'reverse' && declaration.versions === 'reversal' && !declaration.reverseBySwap)
    return { refused: 'say the targetId: a newer version, or a withdrawal, has to reverse it' };
  if (operation === 'reverse' && delivery.kind !== 'withdraw')
    return {
      changes: { status: 'PENDING', closes, operation, unposts: true, forgets: true, reversed: true },
      note: 'reversed; its own posting follows',
    };
  const takesBack = operation === 'cancel' || operation === 'reverse';
  const { nature } = declaration;
  return {
    changes: {
      status: 'RESOLVED_MANUAL',
      closes,
      effect: true,
      acknowledged: operation === 'reverse' ? null : doubt?.contentHash || null,
      operation,
      target_id: takesBack ? null : id,
      cancelled: nature === 'state' ? takesBack : null,
      posted: nature === 'fact' && !takesBack ? delivery.documentId : null,
      unposts: operation === 'reverse',
      forgets: true,
      reversed: false,
    },
  };
}

/** What a person did at the target by hand, where no request of ours is in doubt. */
function handMade(delivery: Delivery, { nature, operations }: DocumentDeclaration): Operation {
  if (delivery.kind === 'withdraw') return nature === 'fact' ? 'reverse' : 'cancel';
  return operations.has('write') ? 'write' : 'create';
}

function notApplied({ delivery, attempts, declaration, now }: Subject): Decision {
  const doubts = doubtsOf(attempts);
  if (doubts.length === 0 && mayBeThere(delivery)) return { changes: { status: 'PENDING' } };
  if (doubts.length === 0)
    return { refused: `it is ${delivery.status} and nothing of it is in doubt: retry or cancel it` };
  const settled = settledAt(doubts, declaration.settleMs);
  if (now < settled)
    return { refused: `it may still take effect until ${settled.toISOString()}: look at the target after that` };
  return { changes: { status: 'PENDING', closes: 'person' } };
}
