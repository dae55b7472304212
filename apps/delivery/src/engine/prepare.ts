import type { Connection, DocumentDeclaration, OpenField, Target } from '#contracts';
import { isHopeless } from '#db';
import type { SchemaSet } from '#schema';
import { resolveBody } from '../core/body.ts';
import { choose } from '../core/choose.ts';
import type { Attempt, Delivery, Lane, Prepared } from '../core/lane.ts';
import { plan, type Plan, type Resolved } from '../core/plan.ts';
import { resolve, type Resolution } from '../core/resolver.ts';
import { reversalOf, type Reversal } from '../core/reversal.ts';
import type { Window } from '../restore/look-before-create.ts';
import type { ClaimedRow } from '../sql/claim.ts';
import type { Loaded, Store } from './store.ts';

/** What a claimed lane has to do, decided. */
export interface Work {
  lane: Lane;
  delivery: Delivery;
  declaration: DocumentDeclaration;
  attempts: Attempt[];
  /** more of this lane may be ready behind it */
  more: boolean;
  /** the database's clock when it was decided */
  now: Date;
  step:
    | Exclude<Plan, { do: 'send' } | { do: 'wait' }>
    | Exclude<Resolution, { do: 'repeat' } | { do: 'wait' }>
    | { do: 'send'; request: Prepared; absent: boolean };
}

export interface Decided {
  work: Work[];
  /** nothing to do now: when they are due */
  idle: { lane: Lane; dueMs: number | null }[];
}

export interface Preparer {
  store: Store;
  connection: Connection;
  target: Target;
  /** undefined: nothing watches for restores */
  restore?: Window | undefined;
  schemas: SchemaSet;
}

/** From lanes just claimed to what each of them has to do: loads them, looks up what is open, decides. */
export async function prepare(from: Preparer, claimed: readonly ClaimedRow[]): Promise<Decided> {
  const { store, connection, target } = from;
  const doubtful = claimed.filter((row) => row.doubt !== null);
  if (doubtful.length > 0)
    await store.abandon(
      doubtful.map((row) => ({
        id: row.id,
        token: row.token,
        settleMs: target.documents.get(row.document)?.settleMs ?? 2 * connection.timeoutMs,
      })),
    );
  const facts = [...target.documents.values()].filter((at) => at.nature === 'fact').map((at) => at.document);
  return decideEach(from, await store.load(claimed, connection.name, facts));
}

/** What PostgreSQL refuses for ever of one lane keeps neither the others of its group from theirs nor its own end out of sight. */
async function decideEach(from: Preparer, loaded: readonly Loaded[]): Promise<Decided> {
  try {
    return await decide(from, loaded);
  } catch (cause) {
    if (!isHopeless(cause)) throw cause;
    const [first, ...others] = loaded;
    if (others.length === 0) return givenUp(from, first!, cause);
    const each = await Promise.all(loaded.map((one) => decideEach(from, [one])));
    return { work: each.flatMap(({ work }) => work), idle: each.flatMap(({ idle }) => idle) };
  }
}

function givenUp({ target }: Preparer, { lane, open, now }: Loaded, cause: unknown): Decided {
  const declaration = target.documents.get(lane.document) ?? unknownDocument(lane.document);
  const choice = choose(lane, open, declaration.nature, now);
  if (choice.do === 'wait') throw cause;
  const { delivery } = choice;
  return {
    work: [{ lane, delivery, declaration, attempts: [], more: false, now, step: giveUp(lane, cause) }],
    idle: [],
  };
}

/** The end of what fails the same way however often it is tried. What may have been sent is never called dead. */
export function giveUp({ doubt }: Lane, cause: unknown): Extract<Work['step'], { do: 'fail' | 'park' }> {
  const message = `PostgreSQL cannot keep it: ${cause instanceof Error ? cause.message : String(cause)}`;
  return doubt === null
    ? { do: 'fail', errorClass: 'VALUE', message, stage: 'delivery' }
    : { do: 'park', errorClass: 'UNKNOWN_OUTCOME', message };
}

async function decide(from: Preparer, loaded: readonly Loaded[]): Promise<Decided> {
  const { store, connection, target } = from;
  const known = await store.attempts(
    loaded.flatMap(({ open }) => open.filter((delivery) => delivery.attemptN > 0).map((delivery) => delivery.id)),
  );
  const done: Decided = { work: [], idle: [] };
  const tries: { loaded: Loaded; delivery: Delivery; declaration: DocumentDeclaration; attempts: Attempt[] }[] = [];
  for (const at of loaded) {
    const { lane, open, now } = at;
    const declaration = target.documents.get(lane.document) ?? unknownDocument(lane.document);
    const choice = choose(lane, open, declaration.nature, now);
    if (choice.do === 'wait') {
      done.idle.push({ lane, dueMs: msUntil(choice.dueAt, now) });
      continue;
    }
    const attempts = known.get(choice.delivery.id) ?? [];
    if (choice.do === 'try') tries.push({ loaded: at, delivery: choice.delivery, declaration, attempts });
    else {
      const bounds = { leaseMs: store.leaseMs, timeoutMs: connection.timeoutMs };
      add(
        done,
        { lane, delivery: choice.delivery, declaration, attempts, more: true, now },
        resolve(choice.delivery, attempts, declaration, now, bounds),
      );
    }
  }
  const parked = tries.filter(({ delivery }) => delivery.status === 'PARKED');
  if (parked.length > 0) await store.unpark(parked.map(({ loaded: at, delivery }) => ({ lane: at.lane, delivery })));
  const lookup = await lookUpOpen(
    store,
    connection.name,
    tries.flatMap(({ delivery }) => delivery.open),
  );
  const posted = await store.postedBodies(
    tries.filter(({ loaded: at, declaration }) => reverses(at.lane, declaration)).map(({ loaded: at }) => at.lane.id),
  );
  for (const { loaded: at, delivery, declaration, attempts } of tries) {
    const resolved = resolvedBody(from, delivery, declaration, lookup);
    const decided = plan({
      lane: at.lane,
      delivery,
      declaration,
      resolved,
      last: attempts.at(-1),
      now: at.now,
      restore: from.restore,
      reversal: reverses(at.lane, declaration) ? reversal(from, posted.get(at.lane.id), declaration) : undefined,
    });
    add(
      done,
      {
        lane: at.lane,
        delivery,
        declaration,
        attempts,
        more: at.open.length > 1 && declaration.nature === 'fact',
        now: at.now,
      },
      decided,
    );
  }
  return done;
}

const reverses = (lane: Lane, { versions }: DocumentDeclaration): boolean =>
  versions === 'reversal' && lane.posted !== null;

function reversal({ schemas }: Preparer, posted: string | undefined, declaration: DocumentDeclaration): Reversal {
  try {
    return reversalOf(posted, declaration, schemas.target(declaration.schema));
  } catch (cause) {
    // as with a body that cannot be worked on: only this one waits for a person
    return {
      ok: false,
      reason: `the reversal cannot be made: ${cause instanceof Error ? cause.message : String(cause)}`,
    };
  }
}

function add(done: Decided, of: Omit<Work, 'step'>, step: Plan | Resolution): void {
  if (step.do === 'wait') done.idle.push({ lane: of.lane, dueMs: msUntil(step.dueAt, of.now) });
  else if (step.do === 'send') done.work.push({ ...of, step: { ...step, absent: false } });
  else if (step.do === 'repeat')
    done.work.push({ ...of, step: { do: 'send', request: step.request, absent: step.absent } });
  else done.work.push({ ...of, step });
}

const msUntil = (at: Date | null, now: Date): number | null =>
  at === null ? null : Math.max(0, at.getTime() - now.getTime());

async function lookUpOpen(
  store: Store,
  connection: string,
  fields: readonly OpenField[],
): Promise<(field: OpenField) => string | undefined> {
  return fields.length === 0 ? () => undefined : store.lookUp(connection, fields);
}

function resolvedBody(
  { schemas }: Preparer,
  delivery: Delivery,
  declaration: DocumentDeclaration,
  lookup: (field: OpenField) => string | undefined,
): Resolved | undefined {
  if (delivery.body === null) return undefined;
  const schema = schemas.target(declaration.schema);
  try {
    return resolveBody(delivery.body, delivery.open, delivery.createOnly, lookup, schema);
  } catch (cause) {
    // one body that cannot be worked on must not keep the others of its group from theirs
    const why = cause instanceof Error ? cause.message : String(cause);
    return { ok: false, problem: 'invalid', message: `cannot be made ready: ${why}` };
  }
}

/** A document type that the connection no longer declares: refused by name, nothing is sent. */
const unknownDocument = (document: string): DocumentDeclaration => ({
  document,
  nature: 'state',
  schema: '',
  operations: new Set(),
  canFind: false,
  repeatIsSafe: {},
  settleMs: 60_000,
  idIsKey: false,
});
