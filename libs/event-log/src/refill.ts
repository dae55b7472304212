import { randomUUID } from 'node:crypto';
import type { LogRecord, StoredRecord } from '#contracts';
import { partitionOf } from './partition.ts';

const PART = 'crossdock_refill';
const ID = 'crossdock_refill_id';
const GROUP = 'crossdock_refill_group';
const FROM = 'crossdock_refill_from';

/** A partition in which a group's next records are missing. */
export interface Gap {
  group: string;
  topic: string;
  partition: number;
  /** of the topic */
  partitions: number;
  /** the group's committed offset */
  committed: bigint;
}

/**
 * What stands before and behind the records that are published again, in the partition itself: a member that stands still
 * there goes on behind `begin` once it sees `end`. So a refill that was cut off in between changes nothing, a member
 * that starts later finds it as well, and no group has to be emptied to move its offsets. No handler sees these records;
 * direct consumers skip them, as all that has no value.
 *
 * Between the two stands everything that the group had not handled when `begin` was written, whatever is left of it
 * earlier in the log: only so does each key keep its order.
 */
export function refillMarkers({ group, topic, partition, partitions, committed }: Gap): {
  begin: LogRecord;
  end: LogRecord;
} {
  const key = keyFor(partition, partitions);
  const id = randomUUID();
  const marker = (part: string): LogRecord => ({
    topic,
    key,
    value: null,
    headers: { [PART]: part, [ID]: id, [GROUP]: group, [FROM]: String(committed) },
  });
  return { begin: marker('begin'), end: marker('end') };
}

export function isRefillMarker(record: Pick<StoredRecord, 'headers' | 'value'>): boolean {
  return record.value === null && record.headers[PART] !== undefined;
}

/** Looks through what a stopped partition holds for a refill that makes up for what is missing. */
export class RefillScan {
  readonly #group: string;
  /** the first record that was not handled */
  readonly #position: bigint;
  readonly #begun = new Map<string, bigint>();

  constructor(group: string, position: bigint) {
    this.#group = group;
    this.#position = position;
  }

  /** The offset to go on at, or null: look at the next records. Called with every record once, in order. */
  look(records: readonly Pick<StoredRecord, 'headers' | 'value' | 'offset'>[]): bigint | null {
    for (const { headers, value, offset } of records) {
      if (!isRefillMarker({ headers, value }) || headers[GROUP] !== this.#group) continue;
      const id = headers[ID] ?? '';
      if (headers[PART] === 'begin' && this.#covers(headers[FROM], offset)) this.#begun.set(id, offset);
      const begun = this.#begun.get(id);
      if (headers[PART] === 'end' && begun !== undefined) return begun + 1n;
    }
    return null;
  }

  /** From what was committed to the marker all was published again; a log that lost its end may be shorter than that. */
  #covers(from: string | undefined, begin: bigint): boolean {
    if (from === undefined || !/^\d+$/.test(from)) return false;
    const committed = BigInt(from);
    return this.#position === committed || (this.#position > committed && this.#position < begin);
  }
}

function keyFor(partition: number, partitions: number): string {
  for (let n = 0; ; n++)
    if (partitionOf(`crossdock-refill-${n}`, partitions) === partition) return `crossdock-refill-${n}`;
}
