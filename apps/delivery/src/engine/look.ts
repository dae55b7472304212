import type { FindResult } from '#contracts';
import type { Lane, Prepared } from '../core/lane.ts';
import { happened } from '../core/happened.ts';
import { doubtsOf, looked } from '../core/resolver.ts';
import { lookAgainDelay } from '../core/retry.ts';
import { contextOf, evidenceOf, spare, type Desk, type Sendable } from './desk.ts';
import type { Work } from './prepare.ts';
import { find } from './send.ts';
import { rowFor, settleRow } from './settle-row.ts';

/** One look, within the connection's limits; undefined: none today, and the lane was given back. */
export async function ask(
  desk: Desk,
  lane: Lane,
  request: Prepared,
): Promise<{ answer: FindResult; ms: number } | undefined> {
  if (!(await desk.mayLook(lane))) return undefined;
  await desk.slots.enter();
  const askedAt = performance.now();
  const answer = await find(desk.target, lane, request, desk.connection.timeoutMs).finally(() => desk.slots.leave());
  // crashpoint delivery.after-look
  const ms = performance.now() - askedAt;
  await spare(desk, desk.guard.ended(answer.found === 'failed' ? 'failure' : 'ok', ms, askedAt));
  return { answer, ms };
}

/** Asks the target whether a request in doubt took effect; answers with the request where it is to be sent again. */
export async function look(desk: Desk, work: Work, request: Prepared): Promise<Sendable | void> {
  const { recorder, connection } = desk;
  const { lane, delivery, declaration, attempts } = work;
  const asked = await ask(desk, lane, request);
  if (asked === undefined) return;
  const { answer, ms } = asked;
  // the lane was loaded before we asked: by the database's clock this is at most when we asked
  const next = looked(answer, attempts, declaration, work.now);
  const evidence = [evidenceOf(answer)];
  const nature = declaration.nature;
  switch (next.do) {
    case 'happened':
      await recorder.record(
        settleRow(
          lane,
          delivery,
          declaration,
          happened(contextOf(desk, work, request, true), next.targetId),
          null,
          true,
          { evidence },
        ),
      );
      return;
    case 'repeat':
      return { work, request: next.request, absent: true };
    case 'wait-for-settle': {
      const due = Math.max(0, next.dueAt.getTime() - work.now.getTime() - ms) + 1;
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, 'UNKNOWN', {
          error_class: 'UNKNOWN_OUTCOME',
          error: 'not found yet; asked again after the settle time',
          evidence,
          looked: true,
          keeps_doubt: true,
          due_ms: due,
        }),
      });
      desk.wakeIn(due);
      return;
    }
    case 'look-again': {
      const since = Math.max(...doubtsOf(attempts).map((attempt) => attempt.gaveUpAt.getTime()));
      const due = lookAgainDelay(connection.retry, work.now.getTime() - since);
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, 'UNKNOWN', {
          error_class: 'UNKNOWN_OUTCOME',
          error: 'the look for it failed',
          evidence,
          keeps_doubt: true,
          next_ms: due,
          due_ms: due,
        }),
      });
      desk.wakeIn(due);
      return;
    }
    case 'park':
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, 'PARKED', {
          error_class: next.errorClass,
          error: next.message,
          evidence,
          keeps_doubt: true,
        }),
      });
  }
}
