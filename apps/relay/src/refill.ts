import { declareTopics, RecordRefused, type EventLog } from '#contracts';
import type { Database } from '#db';
import { partitionOf, refillMarkers, type Gap } from '#event-log';
import { beat, countShards, oldestRow, readRows, readUnfinished, type UnfinishedRow } from '#outbox';
import { pause } from './leader.ts';
import { recordOf } from './send.ts';

/** Whoever makes documents of what the relay publishes, and whoever takes those. */
const MAPPER = 'mapper';
const DELIVERY = 'delivery';
const PUBLISHED_BY_RELAY = new Set(
  declareTopics([])
    .filter(({ writer }) => writer === 'relay')
    .map(({ name }) => name),
);
/** Ids looked through in one statement: some hundred milliseconds where everything is in memory. */
const STEP = 20_000n;
const CHUNK = 200;
const BEAT_MS = 2000;
/** How long the mapper gets to come to the end while nothing new is published, how often that is tried, and how far apart. */
const LEVEL_MS = 1000;
const LEVEL_TRIES = 20;
const LEVEL_EVERY_MS = 5000;

/** What a person may name: everything that is missing, or one partition (holes are seen by whoever reads alone). */
export interface RefillTarget {
  group?: string;
  topic?: string;
  partition?: number;
}

export interface RefillOptions {
  database: Database;
  log: EventLog;
  shard: number;
  epoch: bigint;
  stop: AbortSignal;
  /** every id up to it was read and is in the log, stands aside, or is a gap */
  high(): bigint;
  /** one line per surprise */
  surprised(message: string, cause?: unknown): void;
}

export interface Answer {
  done: boolean;
  result: Record<string, unknown>;
}

/** One group's gaps, and what the archive has of them. */
interface Round {
  gaps: readonly Gap[];
  topics: readonly string[];
  high: bigint;
  ids: readonly bigint[];
}

interface Order {
  /** what is looked for beside the relay's work; `failed` when it could not be found */
  next: Round | 'looking' | 'failed' | undefined;
  /** groups that are still to be looked at */
  groups: string[];
  partitions: number;
  published: number;
  /** how often the mapper was waited for, and when it is again */
  waits: number;
  notBefore: number;
}

/**
 * Publishes again what a group had not handled when the log lost it: retention had passed, a topic was emptied. The outbox
 * is the archive, and what delivery has tells what is missing; a record too many does no harm, because intake knows event
 * ids. One command in three steps, most of it beside the relay's work:
 *
 *     find the gaps ──> gather the ids (beside) ──> [nothing else is published] markers, rows in id order, markers
 *
 * The last step is the leader's alone, between two batches: so what is published again stands before everything newer of
 * its key. For documents the events are published again, once the mapper has come to its end, so that no document of an
 * older event can follow. Cut off anywhere it changes nothing but a few repeats, and the order is executed from its start.
 */
export class Refills {
  readonly #options: RefillOptions;
  readonly #orders = new Map<string, Order>();

  constructor(options: RefillOptions) {
    this.#options = options;
  }

  /** Undefined: not now; called again half a second later. */
  async execute(id: string, target: RefillTarget): Promise<Answer | undefined> {
    const relays = await countShards(this.#options.database);
    if (relays > 1) return { done: false, result: { published: 0, reason: severalRelays(relays) } };
    if (target.partition !== undefined && target.topic === undefined)
      return { done: false, result: { published: 0, reason: 'a partition is one of a topic: name that, too' } };
    const order = this.#orders.get(id) ?? this.#begin(id, target);
    const { next } = order;
    if (next === 'looking' || performance.now() < order.notBefore) return undefined;
    if (next === undefined) return this.#answer(id, order, nowhere(target, order.partitions));
    if (next === 'failed') return this.#forget(id);
    try {
      order.published += await this.#publish(next);
    } catch (error) {
      if (error instanceof RecordRefused)
        return this.#answer(id, order, `the log refuses a row of the archive: ${error.message}`);
      order.notBefore = performance.now() + LEVEL_EVERY_MS;
      if (error instanceof MapperBehind && ++order.waits < LEVEL_TRIES) return undefined;
      if (error instanceof MapperBehind)
        return this.#answer(id, order, 'the mapper does not come to its end: is it running, and not stopped itself?');
      if (!(error instanceof CutOff)) this.#options.surprised('a refill was cut off; it is begun anew', error);
      return this.#forget(id);
    }
    order.partitions += next.gaps.length;
    this.#look(order, target);
    return undefined;
  }

  #answer(id: string, { partitions, published }: Order, reason?: string): Answer {
    this.#orders.delete(id);
    if (reason) return { done: false, result: { published, partitions, reason } };
    return { done: true, result: { published, partitions } };
  }

  #forget(id: string): undefined {
    this.#orders.delete(id);
    return undefined;
  }

  #begin(id: string, target: RefillTarget): Order {
    const groups = target.group === undefined ? [MAPPER, DELIVERY] : [target.group];
    const order: Order = { next: 'looking', groups, partitions: 0, published: 0, waits: 0, notBefore: 0 };
    this.#orders.set(id, order);
    this.#look(order, target);
    return order;
  }

  /** Beside the relay's work: neither a log that is slow to answer nor a large archive holds it up. */
  #look(order: Order, target: RefillTarget): void {
    order.next = 'looking';
    this.#nextRound(order.groups, target).then(
      (round) => (order.next = round),
      (error: unknown) => {
        order.next = 'failed';
        if (this.#options.stop.aborted) return;
        this.#options.surprised('a refill could not see what is missing; it is begun anew', error);
      },
    );
  }

  async #nextRound(groups: string[], target: RefillTarget): Promise<Round | undefined> {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      const gaps = await this.#gaps(group, target);
      if (gaps.length === 0) continue;
      const read = (await this.#options.log.positions(MAPPER)).map(({ topic }) => topic);
      const sources = [...new Set(read)].filter((topic) => PUBLISHED_BY_RELAY.has(topic));
      const topics = new Set(gaps.flatMap(({ topic }) => (PUBLISHED_BY_RELAY.has(topic) ? [topic] : sources)));
      const round = { gaps, topics: [...topics], high: this.#options.high() };
      const { database } = this.#options;
      return { ...round, ids: await this.#missing(round, (await oldestRow(database)) - 1n, round.high) };
    }
    return undefined;
  }

  async #gaps(group: string, { topic, partition }: RefillTarget): Promise<Gap[]> {
    const positions = await this.#options.log.positions(group);
    return positions
      .filter((at) =>
        topic === undefined
          ? at.committed < at.start || at.committed > at.end
          : at.topic === topic && (partition === undefined || at.partition === partition),
      )
      .map((at) => ({ ...at, group }));
  }

  async #missing({ gaps, topics }: Omit<Round, 'ids'>, from: bigint, to: bigint): Promise<bigint[]> {
    const { database, stop } = this.#options;
    const wanted = (row: UnfinishedRow): boolean =>
      gaps.some(
        ({ topic, partition, partitions }) =>
          (topic === row.topic || !PUBLISHED_BY_RELAY.has(topic)) && partitionOf(row.key, partitions) === partition,
      );
    const ids: bigint[] = [];
    for (let at = from; at < to && !stop.aborted; at += STEP) {
      const end = at + STEP < to ? at + STEP : to;
      for (const row of await readUnfinished(database, { from: at, to: end, topics }))
        if (wanted(row)) ids.push(row.id);
    }
    return ids;
  }

  /** How many were published; throws where it was cut off. Nobody else publishes anything meanwhile. */
  async #publish(round: Round): Promise<number> {
    const { database, log, high } = this.#options;
    return this.#alive(async (check) => {
      if (round.gaps.some(({ topic }) => !PUBLISHED_BY_RELAY.has(topic))) await this.#level(check);
      const ids = [...round.ids, ...(await this.#missing(round, round.high, high()))];
      const markers = round.gaps.map(refillMarkers);
      await log.append(markers.map(({ begin }) => begin));
      for (let at = 0; at < ids.length; at += CHUNK) {
        await check();
        const rows = await readRows(database, ids.slice(at, at + CHUNK));
        await log.append(rows.map(recordOf));
      }
      await check(true);
      await log.append(markers.map(({ end }) => end));
      return ids.length;
    });
  }

  /** Nothing is published meanwhile, so a mapper that works comes to its end soon. */
  async #level(check: () => Promise<void>): Promise<void> {
    const { log, stop } = this.#options;
    const until = performance.now() + LEVEL_MS;
    for (;;) {
      const positions = await log.positions(MAPPER);
      if (positions.every(({ committed, end }) => committed >= end)) return;
      if (performance.now() > until) throw new MapperBehind();
      await pause(50, stop);
      await check();
    }
  }

  /** Shows every two seconds that this leader lives. `check` throws once it is stopped or does not lead any more. */
  async #alive<T>(work: (check: (ask?: boolean) => Promise<void>) => Promise<T>): Promise<T> {
    const { database, shard, epoch, stop } = this.#options;
    let leads = true;
    let beating: Promise<unknown> = Promise.resolve();
    const show = async (): Promise<void> => {
      leads &&= await beat(database, shard, epoch, false).catch(() => leads);
    };
    const timer = setInterval(() => (beating = show()), BEAT_MS);
    try {
      return await work(async (ask = false) => {
        if (ask) leads &&= await beat(database, shard, epoch, false);
        if (stop.aborted || !leads) throw new CutOff();
      });
    } finally {
      clearInterval(timer);
      await beating;
    }
  }
}

/** Another shard would publish newer events of its keys in between. */
const severalRelays = (relays: number): string =>
  `${relays} relays share the outbox: stop them, crossdock relay shards 1, start one, and order it again`;

/** Of a place that is named every partition in which the group has been is looked at: none is a mistake, not an answer. */
function nowhere({ group, topic, partition }: RefillTarget, partitions: number): string | undefined {
  if (topic === undefined || partitions > 0) return undefined;
  const who = group === undefined ? 'neither mapper nor delivery has a place' : `the group ${group} has no place`;
  const where = partition === undefined ? topic : `${topic}, partition ${partition}`;
  return `${who} in ${where}: is the name right, is the stage running?`;
}

class MapperBehind extends Error {}
class CutOff extends Error {}
