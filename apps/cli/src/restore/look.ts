import { requestKey, type DocumentDeclaration, type Operation, type Target } from '#contracts';
import type { Database } from '#db';
import { nextRequests } from './next-requests.ts';
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
  | 'failed'
  /** a dead letter: nothing but a person moves it, and nobody is asked about it */
  | 'dead';

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

/** Asks the targets for whatever is not delivered as far as the database knows. Changes nothing anywhere. */
export async function lookForAll(database: Database, targets: ReadonlyMap<string, Target>): Promise<Looked> {
  const counts: Looked['counts'] = { found: 0, absent: 0, repeatable: 0, update: 0, unknowable: 0, failed: 0, dead: 0 };
  const looked: Looked = { counts, findings: [], unknowable: [], updates: [] };
  for await (const page of unfinished(database)) {
    const waiting = page.values();
    const work = async (): Promise<void> => {
      for (const delivery of waiting) {
        const said = await lookFor(delivery, targets.get(delivery.connection));
        if (said !== undefined) note(looked, delivery, said);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
  return looked;
}

type Said = Pick<Finding, 'verdict' | 'targetId' | 'message'>;

function note(looked: Looked, delivery: Unfinished, said: Said): void {
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

/** Of several requests the one decides that a person has to be asked about, or that shows most. */
const DECIDES: readonly Verdict[] = ['unknowable', 'failed', 'found', 'update', 'absent', 'repeatable'];

/** Undefined: nothing is to be sent for it. */
async function lookFor(delivery: Unfinished, target: Target | undefined): Promise<Said | undefined> {
  if (delivery.status === 'DEAD') return { verdict: 'dead' };
  const declaration = target?.documents.get(delivery.document);
  if (target === undefined || declaration === undefined)
    return { verdict: 'unknowable', message: 'the configuration has no such connection or document type' };
  const said: Said[] = [];
  for (const operation of nextRequests(delivery, declaration))
    said.push(withoutLook(delivery, declaration, operation) ?? (await look(delivery, declaration, operation, target)));
  return said.sort((one, other) => DECIDES.indexOf(one.verdict) - DECIDES.indexOf(other.verdict))[0];
}

/** What the declaration alone says of a request, by its own word; undefined: a look tells. */
function withoutLook(
  { targetId }: Unfinished,
  { nature, canFind, repeatIsSafe }: DocumentDeclaration,
  operation: Operation,
): Said | undefined {
  const known = operation === 'update' || operation === 'cancel' || (nature === 'state' && targetId !== null);
  const word = repeatIsSafe[operation] ?? (known ? 'by-external-id' : 'never');
  const byLook = word === 'never' || word === 'look-first';
  // that a record or a posting is there does not show what was done to it
  if (word === 'never' && operation !== 'create') return { verdict: 'unknowable' };
  if (known) return { verdict: 'update', ...(targetId !== null && { targetId }) };
  if (!canFind) return { verdict: byLook ? 'unknowable' : 'repeatable' };
  return operation === 'reverse' && !byLook ? { verdict: 'repeatable' } : undefined;
}

/** As delivery will look before it sends this (its `look-before-create.ts`). */
async function look(
  { document, key, documentId, revision }: Unfinished,
  { versions }: DocumentDeclaration,
  operation: Operation,
  target: Target,
): Promise<Said> {
  const asked = requestKey({ documentId, revision, operation, adopted: false });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await target
    .find({ document, key, requestKey: asked, operation, signal })
    .catch((cause: unknown) => ({ found: 'failed' as const, message: String(cause) }));
  if (answer.found === 'failed') return { verdict: 'failed', message: answer.message };
  // of facts of which several may stand under one key, only what carries our request key was made by us
  const several = versions === 'each' || versions === 'reversal';
  if (answer.found === 'none' || (answer.found === 'one' && several && !answer.requestKeyMatches))
    return { verdict: 'absent' };
  if (answer.found === 'one') return { verdict: 'found', targetId: answer.targetId };
  return { verdict: 'found', message: `${answer.count} records for this key` };
}
