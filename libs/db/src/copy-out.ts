import type pg from 'pg';

/**
 * `copy (...) to stdout (format binary)` as a query of node-postgres, which by itself reads every column as text: a payload
 * twice as long as it is, and a parser's call for each column. Calls `row` with the columns of each row, valid until it
 * returns; `done` once.
 *
 * The parts it is called with are node-postgres's own for queries of other kinds (pg-copy-streams uses the same). A server
 * sends one message per row, by protocol.
 */
export class CopyOut implements pg.Submittable {
  readonly #text: string;
  readonly #row: (columns: CopiedColumns) => void;
  readonly #columns = new CopiedColumns();
  #first = true;
  #failed: unknown;
  /** called with the error, if any; node-postgres replaces it where a query has a timeout */
  callback: (error?: unknown) => void;

  constructor(select: string, row: (columns: CopiedColumns) => void, done: (error?: unknown) => void) {
    this.#text = `copy (${select}) to stdout (format binary)`;
    this.#row = row;
    this.callback = done;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text);
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    if (this.#failed !== undefined) return;
    const from = this.#first ? FILE_HEADER : 0;
    this.#first = false;
    if (chunk.length < from + 2 || chunk.readInt16BE(from) === TRAILER) return;
    try {
      this.#row(this.#columns.of(chunk, from + 2));
    } catch (error) {
      this.#failed = error; // the rest must still be taken from the connection
    }
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback(this.#failed);
  }

  handleError(error: unknown): void {
    this.callback(error);
  }
}

/** Signature, flags, length of an extension. */
const FILE_HEADER = 19;
const TRAILER = -1;
const NULL = -1;
/** PostgreSQL counts microseconds from 2000 on. */
const EPOCH_MS = Date.UTC(2000, 0, 1);

/** The columns of one row, to be taken one after the other as the type they have. */
export class CopiedColumns {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  of(bytes: Buffer, at: number): this {
    this.#bytes = bytes;
    this.#at = at;
    return this;
  }

  bigint(): bigint | null {
    const length = this.#length();
    return length === NULL ? null : this.#bytes.readBigInt64BE(this.#at - length);
  }

  boolean(): boolean | null {
    const length = this.#length();
    return length === NULL ? null : this.#bytes[this.#at - length] !== 0;
  }

  text(): string | null {
    const length = this.#length();
    return length === NULL ? null : this.#bytes.toString('utf8', this.#at - length, this.#at);
  }

  /** A copy: what it was read from is overwritten. */
  bytes(): Buffer | null {
    const length = this.#length();
    if (length === NULL) return null;
    const copy = Buffer.allocUnsafe(length);
    this.#bytes.copy(copy, 0, this.#at - length, this.#at);
    return copy;
  }

  timestamp(): Date | null {
    const micros = this.bigint();
    return micros === null ? null : new Date(Number(micros) / 1000 + EPOCH_MS);
  }

  /** of the column that comes next; goes behind it */
  #length(): number {
    const length = this.#bytes.readInt32BE(this.#at);
    this.#at += 4 + Math.max(0, length);
    return length;
  }
}
