import type { Database, Transaction } from '#db';
import { logger } from '#platform';
import { codeOf } from './fault.ts';
import { ANY_ORDER, DISMISS, NORMALISE_AGAIN, TAKE_ORDERS, type Changed, type OrderRow } from './statements/orders.ts';

const CHANNEL = 'crossdock_command';
/** ms; a look makes up for a bell that was not heard */
const LOOK_EVERY = 1_000;
/** Rows of one order in one transaction; a selection may hold more, and is worked off in several. */
const AT_ONCE = 1_000;

/** Whoever waits for the answer is told. */
const ANSWER = `
  with answered as (
    update command set status = $2, result = $3, done_at = clock_timestamp() where id = $1 and status = 'waiting' returning id
  )
  select pg_notify('crossdock_command_done', id::text) from answered`;

type Answer = { refused: string } | { rows: number; last: bigint };

/**
 * Executes what people order of captured rows: `renormalise` lets rejected ones try again to become events, `dismiss` gives them up.
 * `{capturedId}` names one; `renormalise` also takes `{connection?, code?}`, a selection of rejected ones. Any number of processes
 * may: an order is taken under its row's lock.
 */
export class Orders {
  readonly #database: Database;
  readonly #woken: (keys: readonly string[]) => void;
  #running = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #deaf: (() => Promise<void>) | undefined;
  #troubled = false;
  #stopping = false;

  /** `woken` is called with the keys of records that have something to do again */
  constructor(database: Database, woken: (keys: readonly string[]) => void) {
    this.#database = database;
    this.#woken = woken;
  }

  async start(): Promise<void> {
    const look = (): void => void (this.#running = this.#running.then(() => this.#look()));
    this.#deaf = await this.#database.listen(CHANNEL, look);
    this.#timer = setInterval(look, LOOK_EVERY);
    look();
  }

  /** A selection goes on where it stopped, here or elsewhere. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#deaf?.();
    await this.#running;
  }

  async #look(): Promise<void> {
    try {
      while (!this.#stopping && (await this.#one()));
      this.#troubled = false;
    } catch (error) {
      if (!this.#troubled) logger('capture').warn({ code: codeOf(error) }, 'an order could not be executed yet');
      this.#troubled = true;
    }
  }

  /** False: there is none. A selection is executed a part at a time, each in a transaction with the count so far. */
  async #one(): Promise<boolean> {
    const [any] = await this.#database.query(ANY_ORDER);
    if (any === undefined) return false;
    const keys: string[] = [];
    const more = await this.#database.transaction(async (tx) => {
      const [order] = await tx.query<OrderRow>(TAKE_ORDERS, []);
      if (order === undefined) return false;
      const before = order.result?.rows ?? 0;
      const answer = await this.#execute(tx, order, keys);
      if ('rows' in answer && answer.rows === AT_ONCE) {
        const soFar = JSON.stringify({ rows: before + answer.rows, after: String(answer.last) });
        await tx.query('update command set result = $2 where id = $1', [order.id, soFar]);
        return true;
      }
      const [status, result] =
        'refused' in answer ? ['refused', { reason: answer.refused }] : ['done', { rows: before + answer.rows }];
      await tx.query(ANSWER, [order.id, status, JSON.stringify(result)]);
      return true;
    });
    if (keys.length > 0) this.#woken(keys);
    return more;
  }

  async #execute(tx: Transaction, { kind, target, result }: OrderRow, keys: string[]): Promise<Answer> {
    const { capturedId: id, connection, code } = target ?? {};
    const one = typeof id === 'string' && /^\d{1,18}$/.test(id) ? id : null;
    if (id !== undefined && one === null) return { refused: 'capturedId is no id' };
    if (kind !== 'renormalise' && kind !== 'dismiss')
      return { refused: 'capture knows two orders: renormalise and dismiss' };
    if (kind === 'dismiss' && one === null) return { refused: 'dismiss takes one captured row at a time' };
    const changed =
      kind === 'dismiss'
        ? await tx.query<Changed>(DISMISS, [one])
        : await tx.query<Changed>(NORMALISE_AGAIN, [
            one,
            textOf(connection),
            textOf(code),
            AT_ONCE,
            result?.after ?? '0',
          ]);
    if (kind === 'renormalise') keys.push(...changed.map(({ key }) => key));
    if (one !== null && changed.length === 0) return { refused: await whyNot(tx, one) };
    return { rows: changed.length, last: changed.reduce((last, row) => (row.id > last ? row.id : last), 0n) };
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

async function whyNot(tx: Transaction, id: string): Promise<string> {
  const [row] = await tx.query<{ status: string; kept: boolean }>(
    `select status, exists (select 1 from captured_payload where captured_id = $1) as kept from captured where id = $1`,
    [id],
  );
  if (row === undefined) return `there is no captured row ${id}`;
  if (row.status === 'rejected' || row.status === 'dismissed') return 'its payload is not kept any more: send it again';
  return `it is ${row.status}: only what is rejected can be normalised again or dismissed`;
}
