import type { Database } from '#db';

/** Read so often, ms; a process that cannot read it for `STALE_MS` looks before it creates. Acceptance takes 10 s at least. */
const EVERY_MS = 2_000;
const STALE_MS = 5_000;

const READ = `
  select state = 'doubted' or coalesce(look_until > clock_timestamp(), false) as open,
    (extract(epoch from clock_timestamp() - doubted_at) * 1000)::float8 as "doubtedMs",
    (extract(epoch from clock_timestamp() - vouched_until) * 1000)::float8 as "vouchedMs"
  from history`;

interface Row {
  open: boolean;
  doubtedMs: number | null;
  vouchedMs: number | null;
}

/**
 * The time after a restore in which anything may be at a target that this database does not know of. Ages are by the
 * database's clock, carried on by the monotonic one.
 */
export class RestoreWindow {
  readonly #database: Database;
  #row: Row = { open: false, doubtedMs: null, vouchedMs: null };
  #readAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Before anything is sent. */
  async start(): Promise<void> {
    await this.#read();
    this.#timer = setInterval(() => void this.#read().catch(() => {}), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Nothing may be created without a look. */
  get open(): boolean {
    return this.#row.open || performance.now() - this.#readAt > STALE_MS;
  }

  /** ms since sending stopped: what was sent before may still take effect; undefined: it never did */
  get stoppedMs(): number | undefined {
    return this.#since(this.#row.doubtedMs);
  }

  /** ms since the earliest moment at which something was sent that the database lost */
  get lostMs(): number | undefined {
    return this.#since(this.#row.vouchedMs);
  }

  #since(age: number | null): number | undefined {
    return age === null ? undefined : age + performance.now() - this.#readAt;
  }

  async #read(): Promise<void> {
    const at = performance.now();
    const [row] = await this.#database.query<Row>(READ);
    this.#row = row!;
    this.#readAt = at;
  }
}
