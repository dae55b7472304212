import type { DocumentDeclaration, Operation } from '#contracts';
import type { Unfinished } from './unfinished.ts';

type Known = Pick<Unfinished, 'kind' | 'targetId' | 'acknowledged' | 'cancelled' | 'posted' | 'precededBy'>;

/**
 * What may still be sent for a delivery, in the order in which delivery would (its `plan.ts`), if it goes on as the database has it:
 * none, one, or the reversal of what is posted and the posting after it. What stands before it in its lane counts as sent.
 */
export function nextRequests(delivery: Known, declaration: DocumentDeclaration): Operation[] {
  return declaration.nature === 'state' ? ofState(delivery, declaration) : ofFact(delivery, declaration);
}

function ofState({ kind, targetId, acknowledged, cancelled, precededBy }: Known, of: DocumentDeclaration): Operation[] {
  const { operations } = of;
  if (kind === 'withdraw') {
    const there = targetId !== null || acknowledged || precededBy;
    return there && !cancelled && operations.has('cancel') ? ['cancel'] : [];
  }
  if (operations.has('write')) return ['write'];
  return [targetId === null ? 'create' : 'update'];
}

function ofFact({ kind, posted, precededBy }: Known, { versions, operations }: DocumentDeclaration): Operation[] {
  const reverses: Operation[] = versions === 'reversal' && (posted || precededBy) ? ['reverse'] : [];
  if (kind === 'withdraw') return reverses;
  if (versions === 'once' && posted) return []; // only one may be posted: a person, or nothing at all
  return [...reverses, operations.has('create') ? 'create' : 'write'];
}
