import { CrossdockError, type Target } from '#contracts';
import { isFromPostgres, isHopeless, type Database, type Transaction } from '#db';
import { logger } from '#platform';
import type { SchemaSet } from '#schema';
import { Bell } from '../engine/signal.ts';
import type { Settled, Store } from '../engine/store.ts';
import { bind, fill, pause, resume } from './calm-orders.ts';
import { cancel, onDelivery, resolveBy } from './delivery-orders.ts';
import { editBody, retryNow } from './edit.ts';
import { refuse, type Answer, type Order, type OrderContext } from './order.ts';
import { cancelReplay, replayEvents } from './replay.ts';

export interface CommandsOptions {
  database: Database;
  store: Store;
  targets: ReadonlyMap<string, Target>;
  schemas: SchemaSet;
  /** after the commit: metrics, wake-ups */
  settled(settled: Settled): void;
  statesChanged(): void;
}

/**
 * One process at a time, over all of them: else a `resume` and the `pause` that was ordered after it meet in two of them. Who does not get it
 * leaves the work to the other. It ends with the transaction: when the executor dies with the statement that the server is at (the longest
 * wakes the lanes of a flow, 15 s a million), within 10 s when it is frozen or cut off. Turns by subject would let the others go on meanwhile,
 * but a bind, a fill and a retry may all be about one record.
 */
const TAKE_TURN = `select pg_try_advisory_xact_lock(hashtextextended('crossdock orders of delivery', 0)) as ours,
  set_config('idle_in_transaction_session_timeout', '10s', true)`;
/**
 * Oldest first: people expect their orders in the order they gave them. One in parts stands behind what came meanwhile. One that a process
 * of an older version executes, which takes no turns, is waited for and not passed over.
 */
const NEXT = `select id, kind, target, actor, reason, result from command
  where stage = 'delivery' and status = 'waiting' and due_at <= clock_timestamp()
  order by due_at, id limit 1 for update`;
const ANSWER = `update command set status = $2, result = $3, done_at = clock_timestamp() where id = $1
  returning pg_notify('crossdock_command_done', id::text)`;
/** Refused after it was rolled back, so another process may have been first. What a replay sent through in its earlier parts stays said. */
const GIVE_UP = `with left_over as (delete from command_event where command_id = $1)
  update command set status = 'refused', result = coalesce(result, '{}') || $2, done_at = clock_timestamp()
   where id = $1 and status = 'waiting' returning pg_notify('crossdock_command_done', id::text)`;
const GO_ON = `update command set result = $2, due_at = clock_timestamp() + interval '1 second' where id = $1`;

const log = logger('delivery');

/** Executes what people order of delivery, each order in a transaction of its own together with its answer. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #bell = new Bell();
  #stopping = false;
  #loop: Promise<void> | undefined;
  #unlisten: (() => Promise<void>) | undefined;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#options.database.listen('crossdock_command', () => this.#bell.ring());
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#bell.ring();
    await this.#loop;
    await this.#unlisten?.();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const found = await this.#next().catch((cause: unknown) => {
        log.warn({ err: cause }, 'executing an order failed, trying again');
        return false;
      });
      if (!found && !this.#stopping) await this.#bell.wait(1_000);
    }
  }

  /** False when nothing waits, or another process has the turn. */
  async #next(): Promise<boolean> {
    const { database, store, targets, schemas } = this.#options;
    let settled: Settled[] = [];
    let states = false;
    let inHand: Order | undefined;
    const work = async (tx: Transaction): Promise<boolean> => {
      settled = [];
      inHand = undefined;
      const [turn] = await tx.query<{ ours: boolean }>(TAKE_TURN);
      if (!turn!.ours) return false;
      const [order] = await tx.query<Order>(NEXT); // a statement of its own: it must see what the one before us did
      inHand = order;
      if (order === undefined) return false;
      const context = { tx, store, targets, order, settled, statesChanged: () => void (states = true) };
      const answer = await execute(context, schemas);
      if (!('again' in answer)) {
        const [status, result] = 'done' in answer ? ['done', answer.done] : ['refused', { reason: answer.refused }];
        await tx.query(ANSWER, [order.id, status, JSON.stringify(result)]);
      } else if (answer.soFar) await tx.query(GO_ON, [order.id, JSON.stringify(answer.soFar)]);
      if (states) await tx.query(`select pg_notify('crossdock_delivery', '*')`);
      return true;
    };
    let found: boolean;
    try {
      found = await database.transaction(work);
    } catch (cause) {
      // tried again for ever it would stand before all that is ordered after it
      if (inHand === undefined || mayPass(cause)) throw cause;
      if (!isHopeless(cause)) log.error({ err: cause, order: inHand.id }, 'an order cannot be executed: refused');
      const reason = `it cannot be executed: ${cause instanceof Error ? cause.message : String(cause)}`;
      await database.query(GIVE_UP, [inHand.id, JSON.stringify({ reason })]);
      return true;
    }
    for (const one of settled) this.#options.settled(one);
    if (states) this.#options.statesChanged();
    return found;
  }
}

/** Another try may end otherwise. A mistake of ours, which neither PostgreSQL nor something away has to do with, is made again. */
const mayPass = (cause: unknown): boolean =>
  cause instanceof CrossdockError ? cause.retryable : isFromPostgres(cause) && !isHopeless(cause);

function execute(context: OrderContext, schemas: SchemaSet): Promise<Answer> {
  const { kind, target } = context.order;
  const of = (typeof target === 'object' && target !== null ? target : {}) as { as?: unknown; targetId?: unknown };
  switch (kind) {
    case 'retry':
      return retryNow(context);
    case 'cancel':
      return onDelivery(context, cancel);
    case 'resolve':
      return onDelivery(context, resolveBy(of.as, of.targetId));
    case 'edit':
      return editBody(context, schemas);
    case 'replay':
      return replayEvents(context);
    case 'cancel-replay':
      return cancelReplay(context);
    case 'fill':
      return fill(context);
    case 'bind':
      return bind(context);
    case 'pause':
      return pause(context);
    case 'resume':
      return resume(context);
    default:
      return Promise.resolve(refuse(`this version cannot do "${kind}"`));
  }
}
