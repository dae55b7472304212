import type { FindResult } from '#contracts';
import { isOfConnection } from '../core/failed.ts';
import { knownId } from '../core/happened.ts';
import type { Lane, Prepared } from '../core/lane.ts';
import { duplicate, settle } from '../core/outcome.ts';
import type { Ended, Settlement, Told } from '../core/settlement.ts';
import { doubtsOf } from '../core/resolver.ts';
import { isUsableId } from '../core/usable-id.ts';
import { TOLD_BEFORE, type ToldRow } from '../sql/told-before.ts';
import { contextOf, evidenceOf, spare, type Desk, type Sendable } from './desk.ts';
import type { Work } from './prepare.ts';
import { find, send } from './send.ts';
import { settleRow } from './settle-row.ts';

/**
 * Sends a request whose attempt row (number `n`) is written, as soon as a slot is free, and records how it ended. `answered`
 * is called when its slot is free again, before the outcome is recorded. Never throws.
 */
export async function deliver(
  desk: Desk,
  { work, request, absent }: Sendable,
  n: number,
  begunAt: number,
  answered: (tookMs: number) => void,
): Promise<void> {
  const { store, recorder, connection, target, metrics, log } = desk;
  const { lane, delivery, declaration, attempts } = work;
  try {
    await desk.slots.enter();
    const sentAt = performance.now();
    let answer: { ended: Ended; durationMs: number };
    let found: FindResult | undefined;
    try {
      answer = await send({
        target,
        lane,
        request,
        begunAt,
        leaseMs: store.leaseMs,
        timeoutMs: connection.timeoutMs,
        stop: () => (desk.guard.closed || desk.guard.trying ? undefined : 'breaker'),
      });
      answer.ended = await forbidden(desk, answer.ended);
      if (declaration.canFind && (answer.ended.outcome === 'duplicate' || lacksId(answer.ended, work, request))) {
        await spare(desk, desk.charge());
        found = await find(target, lane, request, connection.timeoutMs);
      }
    } finally {
      desk.slots.leave();
      answered(performance.now() - sentAt);
    }
    // crashpoint delivery.after-answer
    const doubtful = !absent && doubtsOf(attempts).length > 0;
    const ended = withId(answer.ended, found);
    const told = (await spare(desk, toldBefore(desk, lane, ended))) ?? 'first';
    const context = contextOf(desk, work, request, doubtful, told);
    const settlement =
      ended.outcome === 'duplicate' ? duplicate(context, ended.httpStatus, idOf(found)) : settle(ended, context);
    metrics.count('attempts', { connection: connection.name, outcome: settlement.attempt?.outcome ?? ended.outcome });
    metrics.observe('attemptSeconds', { connection: connection.name }, (performance.now() - begunAt) / 1000);
    if (ended.outcome !== 'not-sent') await spare(desk, desk.guard.ended(feeds(ended), answer.durationMs, sentAt));
    if (settlement.connection?.do === 'hold' || (slowsDown(ended) && told !== 'alone'))
      await spare(
        desk,
        desk.guard.throttled(settlement.connection?.do === 'hold' ? settlement.connection.forMs : 0, answer.durationMs),
      );
    if (settlement.connection?.do === 'reauth') await spare(desk, desk.guard.needsReauth(settlement.connection.reason));
    const evidence = found === undefined ? undefined : [evidenceOf(found)];
    const recorded = await recorder.record(
      settleRow(lane, delivery, declaration, settlement, n, doubtful, { evidence, requestHash: request.requestHash }),
    );
    if (!recorded) await keepLate(desk, work, n, ended, settlement);
    else desk.wakeIn(settlement.dueInMs);
  } catch (cause) {
    log.error(
      { err: cause, delivery: String(delivery.id) },
      'recording an attempt failed: its lease ends and it is resolved as in doubt',
    );
  }
}

/** An answer under a stale token: evidence for whoever has the lane now. */
async function keepLate(desk: Desk, work: Work, n: number, ended: Ended, settlement: Settlement): Promise<void> {
  const outcome = settlement.attempt?.outcome;
  const refused = outcome === 'retry' ? 'not-sent' : outcome; // for the doubt it is the same: it did not happen
  const definite = refused === 'done' || refused === 'rejected' || refused === 'not-sent' ? refused : null;
  const status = 'httpStatus' in ended ? ended.httpStatus : undefined;
  await desk.store.lateAnswer(
    work.delivery.id,
    n,
    { late: true, at: new Date().toISOString(), outcome: ended.outcome, httpStatus: status ?? null },
    definite,
    settlement.targetId ?? namedBy(ended),
  );
}

/** Also the id of another record than ours, which nothing is bound to: whoever reads the answer later must see that it is another one. */
const namedBy = (ended: Ended): string | null =>
  ended.outcome === 'done' && ended.targetId !== undefined && isUsableId(ended.targetId) ? ended.targetId : null;

/** 403 means the record, unless our credentials as a whole are refused too: then it is as 401. */
async function forbidden(desk: Desk, ended: Ended): Promise<Ended> {
  if (ended.outcome !== 'rejected' || ended.httpStatus !== 403) return ended;
  const probed = await desk.guard.probe();
  if (probed === undefined || probed.ok) return { ...ended, errorClass: 'AUTH' };
  return { outcome: 'retry', errorClass: 'AUTH', message: ended.message, httpStatus: 403 };
}

/** What a call says of the connection's health: business refusals and being asked to slow down say nothing bad. */
function feeds(ended: Exclude<Ended, { outcome: 'not-sent' }>): 'ok' | 'failure' {
  if (ended.outcome === 'in-doubt') return 'failure';
  if (ended.outcome !== 'retry') return 'ok';
  return ended.errorClass === 'CONNECTION' || ended.errorClass === 'INTERMITTENT' ? 'failure' : 'ok';
}

/** What is said of the connection to one record again, while others go through, is said of the record: nobody else is held for it. */
async function toldBefore({ store }: Desk, { id, connection }: Lane, ended: Ended): Promise<Told> {
  if (ended.outcome !== 'retry' || ended.notSent || !isOfConnection(ended)) return 'first';
  const [row] = await store.database.query<ToldRow>(TOLD_BEFORE, [id, ended.errorClass, connection]);
  return row!.told;
}

/** Too many requests, whether or not it says for how long. */
const slowsDown = (ended: Ended): boolean => ended.outcome === 'retry' && ended.errorClass === 'RATE_LIMIT';

function idOf(found: FindResult | undefined): Parameters<typeof duplicate>[2] {
  if (found === undefined) return 'cannot';
  if (found.found === 'one') return { id: found.targetId, ours: found.requestKeyMatches };
  return found.found;
}

/** An upsert that happened, of a record whose id nobody knows, and the answer does not say it: a look may. */
function lacksId(ended: Ended, { lane, declaration }: Work, request: Prepared): boolean {
  if (ended.outcome !== 'done' || ended.targetId !== undefined) return false;
  return request.operation === 'write' && knownId(lane, declaration) === null && !declaration.idIsKey;
}

function withId(ended: Ended, found: FindResult | undefined): Ended {
  if (ended.outcome !== 'done' || ended.targetId !== undefined || found?.found !== 'one') return ended;
  return { ...ended, targetId: found.targetId };
}
