import type { Target } from '#contracts';
import type { Database } from '#db';
import { unfinished, type Unfinished } from './unfinished.ts';

const AT_ONCE = 8;
const TIMEOUT_MS = 30_000;
/** The report names so many of each kind; the counts are whole. */
const NAMED = 200;

/** What a look at the target says of a document that the database holds for not delivered. */
export type Verdict =
  /** it is there: it is adopted instead of created */
  | 'found'
  /** it is not there: it is sent */
  | 'absent'
  /** the target knows a repeat by its key */
  | 'repeatable'
  /** an update of a record both know: sent again, and older than the target if a newer one was lost */
  | 'update'
  /** can be neither repeated nor looked up: held for a person */
  | 'unknowable'
  /** the look failed: look again */
  | 'failed';

export interface Finding {
  id: string;
  connection: string;
  document: string;
  key: string;
  version: string;
  status: string;
  verdict: Verdict;
  targetId?: string;
  message?: string;
}

export interface Looked {
  counts: Record<Verdict, number>;
  /** the first of each kind */
  findings: Finding[];
  unknowable: bigint[];
  updates: bigint[];
}

/** Asks the targets for every document that is not delivered as far as the database knows. Changes nothing anywhere. */
export async function lookForAll(database: Database, targets: ReadonlyMap<string, Target>): Promise<Looked> {
  const counts: Looked['counts'] = { found: 0, absent: 0, repeatable: 0, update: 0, unknowable: 0, failed: 0 };
  const looked: Looked = { counts, findings: [], unknowable: [], updates: [] };
  for await (const page of unfinished(database)) {
    const waiting = page.values();
    const work = async (): Promise<void> => {
      for (const delivery of waiting) note(looked, delivery, await lookFor(delivery, targets.get(delivery.connection)));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
  return looked;
}

function note(looked: Looked, delivery: Unfinished, said: Pick<Finding, 'verdict' | 'targetId' | 'message'>): void {
  const { verdict } = said;
  looked.counts[verdict]++;
  if (verdict === 'unknowable') looked.unknowable.push(delivery.id);
  if (verdict === 'update') looked.updates.push(delivery.id);
  if (looked.counts[verdict] > NAMED) return;
  const { connection, document, key, status } = delivery;
  looked.findings.push({
    id: String(delivery.id),
    connection,
    document,
    key,
    version: String(delivery.version),
    status,
    ...said,
  });
}

async function lookFor(
  { document, key, requestKey, targetId }: Unfinished,
  target: Target | undefined,
): Promise<Pick<Finding, 'verdict' | 'targetId' | 'message'>> {
  const declaration = target?.documents.get(document);
  if (target === undefined || declaration === undefined)
    return { verdict: 'unknowable', message: 'the configuration has no such connection or document type' };
  if (targetId !== null && declaration.nature === 'state') return { verdict: 'update', targetId };
  const word = declaration.repeatIsSafe[declaration.operations.has('create') ? 'create' : 'write'] ?? 'never';
  if (!declaration.canFind) return { verdict: word === 'never' || word === 'look-first' ? 'unknowable' : 'repeatable' };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await target
    .find({ document, key, requestKey, operation: 'create', signal })
    .catch((cause: unknown) => ({ found: 'failed' as const, message: String(cause) }));
  if (answer.found === 'failed') return { verdict: 'failed', message: answer.message };
  if (answer.found === 'one') return { verdict: 'found', targetId: answer.targetId };
  if (answer.found === 'many') return { verdict: 'found', message: `${answer.count} records for this key` };
  return { verdict: 'absent' };
}
