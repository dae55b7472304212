import { mark, needsMark, type advance } from '../cursor.ts';
import type { Cursor, Snapshot } from '#outbox';

/** One writer's transaction: its steps are write something else (`early`), lock the record, draw the id, commit or roll back. */
export interface Plan {
  key: string;
  /** gets its transaction id before the record's lock */
  early: boolean;
  rollsBack: boolean;
}

interface Writer extends Plan {
  step: 'early' | 'lock' | 'draw' | 'end' | 'committed' | 'rolled back';
  xid: bigint;
  id: bigint;
  version: number;
}

/** What a read shows, without what the arithmetic does not look at. */
type Seen = Pick<Snapshot, 'xmin' | 'cut'> & { rows: { id: bigint }[] };

/** What the relay under test may replace, to show that this world sees what goes wrong then. */
export interface Rules {
  advance: typeof advance;
  /** largest read */
  limit: number;
  /** the next read is taken before the settling of this one */
  overlap: boolean;
}

/**
 * PostgreSQL and a relay in miniature: transaction ids, a sequence, row locks, snapshots; a relay that reads, publishes,
 * settles and may crash between any two steps. Driven by a list of choices, so a property test can explore it.
 */
export class World {
  readonly writers: Writer[];
  readonly published: bigint[] = [];
  dropped = 0n;
  #xid = 1n;
  #sequence = 1n;
  #stored: Cursor = { high: 0n, gaps: [] };
  #cursor: Cursor = this.#stored;
  #next: Cursor | undefined;
  #snapshot: Seen | undefined;
  #ahead: Seen | undefined;
  #relay: 'read' | 'publish' | 'settle' = 'read';
  #unrelated: bigint | undefined;

  readonly #rules: Rules;

  constructor(plans: readonly Plan[], rules: Rules) {
    this.#rules = rules;
    this.writers = plans.map((plan) => ({ ...plan, step: plan.early ? 'early' : 'lock', xid: 0n, id: 0n, version: 0 }));
  }

  /** Performs one of the steps that are possible now. */
  choose(choice: number): void {
    const steps = this.#steps();
    steps[choice % steps.length]!();
  }

  /** Lets everything end: writers finish, then the relay reads until nothing moves. */
  finish(): void {
    this.#unrelated = undefined;
    for (let left = 10_000; this.writers.some(isOpen); left--) {
      if (left === 0) throw new Error('the writers never end');
      for (const writer of this.writers) this.#writerStep(writer)?.();
    }
    for (let round = 0; round < 60; round++) this.#relayStep();
  }

  /** Committed ids that were never published. */
  lost(): bigint[] {
    return this.writers.filter((w) => w.step === 'committed' && !this.published.includes(w.id)).map((w) => w.id);
  }

  /** Records whose first publications went back. */
  inverted(): string[] {
    const last = new Map<string, number>();
    const seen = new Set<bigint>();
    const back: string[] = [];
    for (const id of this.published) {
      if (seen.has(id)) continue;
      seen.add(id);
      const { key, version } = this.writers.find((writer) => writer.id === id)!;
      if ((last.get(key) ?? 0) > version) back.push(key);
      last.set(key, Math.max(last.get(key) ?? 0, version));
    }
    return back;
  }

  get openGaps(): number {
    return this.#stored.gaps.length;
  }

  #steps(): (() => void)[] {
    const steps = this.writers.map((writer) => this.#writerStep(writer)).filter((step) => step !== undefined);
    // the relay is faster than its writers, crashes are rare: else hardly a gap lives through three rounds
    for (let times = 0; times < 12; times++) steps.push(() => this.#relayStep());
    steps.push(() => this.#crash());
    steps.push(() => (this.#unrelated = this.#unrelated === undefined ? this.#xid++ : undefined));
    return steps;
  }

  #writerStep(writer: Writer): (() => void) | undefined {
    if (writer.step === 'early') return () => Object.assign(writer, { step: 'lock', xid: this.#xid++ });
    if (writer.step === 'lock') {
      const held = this.writers.some(
        (other) => other.key === writer.key && (other.step === 'draw' || other.step === 'end'),
      );
      if (held) return undefined;
      return () => {
        const before = this.writers.filter((other) => other.key === writer.key && other.step === 'committed').length;
        Object.assign(writer, { step: 'draw', xid: writer.xid || this.#xid++, version: before + 1 });
      };
    }
    if (writer.step === 'draw') return () => Object.assign(writer, { step: 'end', id: this.#sequence++ });
    if (writer.step === 'end') return () => (writer.step = writer.rollsBack ? 'rolled back' : 'committed');
    return undefined;
  }

  #read(from: Cursor): Seen {
    const open = this.writers.filter((writer) => writer.xid > 0n && isOpen(writer)).map((writer) => writer.xid);
    if (this.#unrelated !== undefined) open.push(this.#unrelated);
    const wanted = this.writers
      .filter((writer) => writer.step === 'committed')
      .map(({ id }) => id)
      .filter((id) => id > from.high || from.gaps.some((gap) => gap.from <= id && id <= gap.to))
      .sort((a, b) => Number(a - b));
    const rows = wanted.slice(0, this.#rules.limit).map((id) => ({ id }));
    const xmin = open.reduce((least, xid) => (xid < least ? xid : least), this.#xid);
    return { xmin, rows, cut: rows.length === this.#rules.limit };
  }

  #relayStep(): void {
    if (this.#relay === 'read') {
      this.#snapshot ??= this.#read(this.#cursor);
      const { cursor, dropped } = this.#rules.advance(this.#cursor, this.#snapshot as Snapshot);
      this.#next = cursor;
      for (const gap of dropped) this.dropped += gap.to - gap.from + 1n;
      this.#relay = 'publish';
      if (this.#rules.overlap) this.#ahead = this.#read(cursor);
    } else if (this.#relay === 'publish') {
      this.published.push(...this.#snapshot!.rows.map(({ id }) => id));
      this.#relay = 'settle';
    } else {
      this.#stored = this.#next!;
      this.#cursor = needsMark(this.#next!) ? mark(this.#next!, this.#xid++) : this.#next!;
      this.#snapshot = this.#ahead;
      this.#ahead = undefined;
      this.#relay = 'read';
    }
  }

  #crash(): void {
    this.#cursor = this.#stored;
    this.#snapshot = this.#ahead = undefined;
    this.#relay = 'read';
  }
}

function isOpen(writer: Writer): boolean {
  return writer.step !== 'committed' && writer.step !== 'rolled back';
}
