import type { Database } from '#db';
import { checkSequence, countRelays, countShards, DOORBELL } from '#outbox';
import { Relay, type RelayOptions, type RelayState } from './relay.ts';

/** How often the shards and the living relays are counted, ms. */
const COUNT_MS = 2_000;
/** What a process that leads its share waits before it takes more: one that leads less comes first, ms. */
const POLITE_MS = 1_000;

export type RelaysOptions = Omit<RelayOptions, 'shard' | 'listens' | 'hesitateMs'> & { countMs?: number };

/**
 * The relays of one process: one for each shard, leading or standing by. Processes share the shards evenly: who leads more
 * than its part gives one back, who leads its part lets others come first, and what a dead one led is taken by anybody.
 */
export class Relays {
  readonly #options: RelaysOptions;
  readonly #relays = new Map<number, Relay>();
  /** of those that were given back */
  #before = { published: 0, setAside: 0 };
  #share = Infinity;
  #shards = 0;
  #deaf: (() => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #counting: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RelaysOptions) {
    this.#options = options;
  }

  /** Throws where the set-up is wrong (sequence cache); from then on it never throws. */
  async start(): Promise<void> {
    const { database } = this.#options;
    await checkSequence(database);
    this.#deaf = await database.listen(DOORBELL, () => {
      for (const relay of this.#relays.values()) relay.ring();
    });
    await this.#count();
    this.#timer = setInterval(() => {
      this.#counting = this.#counting.then(() => this.#count()).catch(() => {}); // the relays say that the database is away
    }, this.#options.countMs ?? COUNT_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#counting;
    await Promise.all([...this.#relays.values()].map((relay) => relay.stop()));
    await this.#deaf?.();
  }

  /** How many shards there are and how many of them this process leads, and what it has published in all. */
  get state(): Pick<RelayState, 'published' | 'setAside'> & { leads: number; shards: number } {
    const states = [...this.#relays.values()].map(({ state }) => state);
    const sum = (of: (state: RelayState) => number): number => states.reduce((total, state) => total + of(state), 0);
    return {
      leads: this.#leads,
      shards: this.#shards,
      published: this.#before.published + sum(({ published }) => published),
      setAside: this.#before.setAside + sum(({ setAside }) => setAside),
    };
  }

  get #leads(): number {
    return [...this.#relays.values()].filter(({ state }) => state.leads).length;
  }

  async #count(): Promise<void> {
    const { database } = this.#options;
    const shards = (this.#shards = await countShards(database));
    for (const [shard] of this.#relays) if (shard >= shards) await this.#drop(shard);
    for (let shard = 0; shard < shards; shard++) if (!this.#relays.has(shard)) await this.#add(database, shard);
    const processes = Math.max(1, Math.ceil((await countRelays(database)) / shards));
    this.#share = Math.ceil(shards / processes);
    const surplus = [...this.#relays].find(([, { state }]) => state.leads && this.#leads > this.#share);
    if (surplus === undefined) return;
    await this.#drop(surplus[0]);
    await this.#add(database, surplus[0]);
  }

  async #add(database: Database, shard: number): Promise<void> {
    if (this.#stopped) return;
    const hesitateMs = (): number => (this.#leads >= this.#share ? POLITE_MS : 0);
    const relay = new Relay({ ...this.#options, database, shard, listens: false, hesitateMs });
    this.#relays.set(shard, relay);
    try {
      await relay.start();
    } catch (error) {
      this.#relays.delete(shard); // the next count begins another one
      throw error;
    }
  }

  async #drop(shard: number): Promise<void> {
    const relay = this.#relays.get(shard)!;
    await relay.stop();
    this.#before.published += relay.state.published;
    this.#before.setAside += relay.state.setAside;
    this.#relays.delete(shard);
  }
}
