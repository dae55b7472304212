import type { RawProducer, SafeMessage } from './raw-producer.ts';

interface Generation {
  producer: RawProducer;
  /** sends under way or queued; the last one closes a retired producer */
  users: number;
  retired: boolean;
}

/** The sends of one partition, one after the other. */
interface Lane {
  tail: Promise<void>;
  failures: number;
}

/**
 * The one safe way to produce, whichever client does the sending. kafkajs **loses acknowledged records when a leader dies**
 * (up to 29 in a round against three brokers) unless it is used like this; the client we use now has not lost any, and
 * the rule is what we know to hold (decisions 0006 and 0009):
 *
 * - one partition per send, and the partition is ours to say: no answer for one partition can stand for another one's
 * - one send at a time per partition: a batch that fails takes its sequence number back from under nobody's feet
 * - idempotent, acks all, a batch's sequence number kept through retries that outlast a failover
 * - after any failed send a new producer (a new producer id): the failed batch may be in the log under the sequence
 *   number that the old producer would give to the next one, which the broker would drop as a repeat and acknowledge
 *
 * And to keep the order of a key when its caller appends again: what was given for a partition before the failure of an
 * earlier batch was known fails with it instead of overtaking it.
 */
export class SafeProducer {
  readonly #newProducer: () => RawProducer;
  readonly #lanes = new Map<string, Lane>();
  readonly #open = new Set<Generation>();
  #current: Generation | undefined;

  constructor(newProducer: () => RawProducer) {
    this.#newProducer = newProducer;
  }

  /**
   * Resolves when every message is durable. Batches go one after the other, behind what was given for this partition
   * before; the first failure ends the call, and nothing says whether the failed batch is in the log.
   */
  send(topic: string, partition: number, batches: readonly (readonly SafeMessage[])[]): Promise<void> {
    const place = `${topic}/${partition}`;
    const lane = this.#lanes.get(place) ?? { tail: Promise.resolve(), failures: 0 };
    this.#lanes.set(place, lane);
    const { failures } = lane;
    const sent = lane.tail.then(async () => {
      if (lane.failures !== failures) throw new Error(`an earlier batch for ${place} failed`);
      for (const messages of batches) await this.#sendOne(topic, partition, messages);
    });
    const settled = sent.catch(() => void (lane.failures = failures + 1));
    lane.tail = settled;
    void settled.then(() => {
      if (lane.tail === settled) this.#lanes.delete(place);
    });
    return sent;
  }

  /** Finishes what was given, then disconnects. */
  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.tail));
    if (this.#current) this.#retire(this.#current);
    await Promise.all([...this.#open].map((generation) => this.#disconnect(generation)));
  }

  async #sendOne(topic: string, partition: number, messages: readonly SafeMessage[]): Promise<void> {
    const generation = (this.#current ??= this.#begin());
    generation.users++;
    try {
      await generation.producer.send(topic, partition, messages);
    } catch (error) {
      this.#retire(generation);
      throw error;
    } finally {
      generation.users--;
      if (generation.retired && generation.users === 0) void this.#disconnect(generation);
    }
  }

  #begin(): Generation {
    const producer = this.#newProducer();
    const generation = { producer, users: 0, retired: false };
    this.#open.add(generation);
    return generation;
  }

  #retire(generation: Generation): void {
    generation.retired = true;
    if (this.#current === generation) this.#current = undefined;
  }

  async #disconnect(generation: Generation): Promise<void> {
    if (!this.#open.delete(generation)) return;
    await generation.producer.close().catch(() => {});
  }
}
