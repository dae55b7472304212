import type { StoredRecord } from '#contracts';
import type { Database } from '#db';

/** One batch stays under this (a single larger record comes alone), so memory is bounded whatever was appended. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Partitions in one statement: what memory holds at once is so many batches. */
const TOGETHER = 4;

/**
 * `order by "offset"`: the order of the log. The running sum is over the stored sizes; values are only read for the rows
 * that are given back.
 */
const FETCH = {
  name: 'log-fetch',
  text: `
    select w.at, sized.*
    from unnest($1::text[], $2::int[], $3::bigint[], $4::int[]) with ordinality as w(topic, partition, start, most, at)
    cross join lateral (
      select "offset", key, value, headers, appended_at from (
        select *, sum(coalesce(octet_length(value), 0)) over (order by "offset") - coalesce(octet_length(value), 0) as before
        from (
          select "offset", key, value, headers, appended_at from log_record
          where topic = w.topic and partition = w.partition and "offset" >= w.start
          order by "offset" limit w.most
        ) head
      ) summed
      where before < $5
    ) sized
    order by w.at, sized."offset"`,
};

interface Row {
  /** place of the request, from 1 */
  at: bigint;
  offset: bigint;
  key: string;
  value: Buffer | null;
  headers: Record<string, string>;
  appended_at: Date;
}

interface Wanted {
  topic: string;
  partition: number;
  from: bigint;
  limit: number;
  found: PromiseWithResolvers<StoredRecord[]>;
}

/**
 * Fetches records of the log. What is asked for in one go, because an append reached several partitions, goes in one
 * statement. One per subscription; each partition asks for one batch at a time.
 */
export class Fetcher {
  readonly #database: Database;
  #wanted: Wanted[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  /** At most `limit` records of the partition from offset `from` on, in order. */
  fetch(topic: string, partition: number, from: bigint, limit: number): Promise<StoredRecord[]> {
    const found = Promise.withResolvers<StoredRecord[]>();
    if (this.#wanted.push({ topic, partition, from, limit, found }) === 1) queueMicrotask(() => this.#go());
    return found.promise;
  }

  #go(): void {
    const wanted = this.#wanted;
    this.#wanted = [];
    for (let at = 0; at < wanted.length; at += TOGETHER) {
      const group = wanted.slice(at, at + TOGETHER);
      void this.#fetch(group).catch(async (cause: unknown) => {
        // a record of one that cannot be read must not keep the others from theirs
        if (group.length === 1) group[0]!.found.reject(cause);
        else await Promise.all(group.map((each) => this.#fetch([each]).catch(each.found.reject)));
      });
    }
  }

  async #fetch(group: readonly Wanted[]): Promise<void> {
    const rows = await this.#database.query<Row>(FETCH, [
      group.map(({ topic }) => topic),
      group.map(({ partition }) => partition),
      group.map(({ from }) => from),
      group.map(({ limit }) => limit),
      MAX_BYTES,
    ]);
    const found = Map.groupBy(rows, ({ at }) => Number(at) - 1);
    for (const [at, { topic, partition, found: told }] of group.entries())
      told.resolve((found.get(at) ?? []).map((row) => recordOf(topic, partition, row)));
  }
}

const recordOf = (topic: string, partition: number, row: Row): StoredRecord => ({
  topic,
  partition,
  offset: row.offset,
  key: row.key,
  value: row.value,
  headers: row.headers,
  timestamp: row.appended_at,
});
