import { climb } from '../core/failed.ts';
import type { Plan } from '../core/plan.ts';
import { repeatWord } from '../core/resolver.ts';
import { contextOf, type Desk } from './desk.ts';
import { ask } from './look.ts';
import type { Work } from './prepare.ts';
import { rowFor, settleRow } from './settle-row.ts';
import type { SettleRow } from '../sql/settle.ts';

/**
 * A record is withdrawn whose id the database does not know, and that may be at the target: the window after a restore is open, so it
 * may be forgotten, or the target `said` to a create that the key exists. What is found is bound, and the next claim withdraws it as any
 * other; what is not there, and will not come late, is ignored, but for what was said to be there: that a person has to see.
 */
export async function lookBeforeWithdrawal(
  desk: Desk,
  work: Work,
  { request, said }: Extract<Plan, { do: 'look-before-withdrawal' }>,
): Promise<void> {
  const { recorder, restore } = desk;
  const { lane, delivery, declaration } = work;
  const nature = declaration.nature;
  const asked = await ask(desk, lane, request);
  if (asked === undefined) return;
  const { answer } = asked;
  const record = async (status: string, changes: Partial<SettleRow>): Promise<void> => {
    await recorder.record({ lane, nature, row: rowFor(lane, delivery, status, changes) });
    desk.wakeIn(changes.due_ms ?? null);
  };
  if (answer.found === 'one' && !said && repeatWord(declaration, 'cancel') === 'never')
    return record('HELD_REVIEW', {
      review:
        'withdrawn; it is at the target, and whether it was withdrawn there before the restore cannot be found out',
      target_id: answer.targetId,
      due_ms: 0,
    });
  if (answer.found === 'one') return record('PENDING', { target_id: answer.targetId, due_ms: 0 });
  if (answer.found === 'many')
    return record('PARKED', {
      error_class: 'DUPLICATE',
      error: `withdrawn, and the target has ${answer.count} records for this key`,
    });
  if (answer.found === 'failed') {
    const climbed = climb(
      contextOf(desk, work, request, false),
      'CONNECTION',
      `a look before the withdrawal: ${answer.message}`,
      'RETRY_WAIT',
    );
    await recorder.record(settleRow(lane, delivery, declaration, climbed, null, false));
    desk.wakeIn(climbed.dueInMs);
    return;
  }
  if (said && !delivery.reviewed)
    return record('HELD_REVIEW', {
      review: 'withdrawn; the target said that it has the record, and does not show it',
      due_ms: 0,
    });
  const late = declaration.settleMs - (restore?.stoppedMs ?? Infinity);
  if (late < 0) return record('IGNORED', { step: 0, effect: true, due_ms: 0 });
  return record('RETRY_WAIT', {
    error_class: 'INTERMITTENT',
    error: 'not there after the restore; the settle time of what was sent before is not over',
    next_ms: late + 1,
    due_ms: late + 1,
  });
}
