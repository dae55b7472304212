import type { Queryable } from '#db';

export interface RecentLag {
  flow: string;
  /** p50, p95, p99 in seconds */
  lag: [number, number, number];
}

/**
 * Over the newest 10,000 deliveries, whatever their flow: by the primary key, so the cost does not grow. What is stuck is
 * not in it, which is why the oldest unfinished stands beside it.
 */
const SQL = `
  select flow, percentile_cont(array[0.5, 0.95, 0.99]) within group
    (order by extract(epoch from finished_at - accepted_at)::float8) as lag
  from delivery
  where id > (select coalesce(max(id), 0) - 10000 from delivery) and status = 'DELIVERED' and finished_at is not null
  group by flow`;

export const recentLag = (db: Queryable): Promise<RecentLag[]> => db.query<RecentLag>(SQL);
