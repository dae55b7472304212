import type { Statement } from '#db';

/**
 * What waits of the leased records, as far as we know its connection. `order by`: within a record events leave in the
 * order of their versions. The running sum cuts the list where the payloads together would be more than memory should
 * hold; payloads behind the cut are not read (their length stands beside them), and the first row always comes.
 */
export const READ_WAITING: Statement = {
  name: 'capture-read-waiting',
  text: `
    select id, connection, type, entity, record_id, key, aggregate_version, source_version, event_id, hop_count, occurred_at,
      traceparent, captured_at, body, candidates
    from (
      select captured.*, payload.body, count(*) over () as candidates,
        sum(coalesce(octet_length(payload.body), 0)) over (order by captured.key, captured.aggregate_version)
          - coalesce(octet_length(payload.body), 0) as before
      from unnest($1::text[]) as leased (key)
      cross join lateral (
        select * from captured
        where captured.key = leased.key and captured.status = 'waiting' and captured.connection = any($3::text[])
        order by captured.aggregate_version
        limit $2
      ) as captured
      left join captured_payload as payload on payload.captured_id = captured.id
    ) as sized
    where before < $4
    order by key, aggregate_version`,
};

export interface WaitingRow {
  id: bigint;
  connection: string;
  type: string;
  entity: string;
  record_id: string;
  key: string;
  aggregate_version: bigint;
  source_version: bigint | null;
  event_id: string;
  hop_count: number;
  occurred_at: Date | null;
  traceparent: string | null;
  captured_at: Date;
  body: string | null;
  /** rows there were before the cut */
  candidates: bigint;
}
