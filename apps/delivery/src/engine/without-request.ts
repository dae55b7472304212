import { isHopeless } from '#db';
import { happened } from '../core/happened.ts';
import { again } from '../core/plan.ts';
import { lookBeforeWithdrawal } from './look-before-withdrawal.ts';
import { contextOf, type Desk, type Sendable } from './desk.ts';
import { look } from './look.ts';
import { giveUp, type Work } from './prepare.ts';
import { rowFor, settleRow } from './settle-row.ts';

/** Everything but a request; answers with one where a look says that it is to be sent again. */
export function withoutRequest(desk: Desk, work: Work): Promise<Sendable | void> {
  return handle(desk, work).catch((cause: unknown) => {
    if (!isHopeless(cause)) throw cause;
    desk.log.error({ err: cause, delivery: String(work.delivery.id) }, 'a delivery cannot be handled: given up');
    return handle(desk, { ...work, step: giveUp(work.lane, cause) });
  });
}

async function handle(desk: Desk, work: Work): Promise<Sendable | void> {
  const { store, recorder } = desk;
  const { lane, delivery, declaration, step } = work;
  const nature = declaration.nature;
  switch (step.do) {
    case 'finish':
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, step.status, {
          step: 0,
          effect: step.effect,
          due_ms: 0,
          target_id: step.status === 'SKIPPED_NOCHANGE' ? lane.targetId : null,
        }),
      });
      return;
    case 'review':
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, 'HELD_REVIEW', { review: step.reason, due_ms: nature === 'state' ? 0 : null }),
      });
      return;
    case 'fail':
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, 'DEAD', {
          error_class: step.errorClass,
          error: step.message,
          due_ms: nature === 'state' ? 0 : null,
        }),
      });
      return;
    case 'hold': {
      const held = await store.hold(lane, delivery, step.missing, nature === 'state');
      if (held === 'found') await store.release([{ ...lane, dueMs: 0 }]);
      return;
    }
    case 'park':
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, 'PARKED', {
          error_class: step.errorClass,
          error: step.message,
          keeps_doubt: true,
        }),
      });
      return;
    case 'happened':
      await recorder.record(
        settleRow(
          lane,
          delivery,
          declaration,
          happened(contextOf(desk, work, again(step.attempt), true), step.targetId),
          null,
          true,
        ),
      );
      return;
    case 'not-happened':
      await recorder.record({
        lane,
        nature,
        row: rowFor(lane, delivery, step.refused ? 'DEAD' : 'RETRY_WAIT', {
          error_class: step.refused ? 'VALUE' : 'CONNECTION',
          error: step.refused
            ? 'refused by the target, as an answer said that came late'
            : 'not sent, as was learnt late',
          closes: 'absent',
          due_ms: 0,
        }),
      });
      return;
    case 'look-before-withdrawal':
      return lookBeforeWithdrawal(desk, work, step);
    case 'look':
      return look(desk, work, again(step.attempt));
  }
}
