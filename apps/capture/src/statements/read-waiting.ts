import type { Statement } from '#db';

/** What waits of the leased records, as far as we know its connection. `order by`: within a record events leave in the order of their versions. */
export const READ_WAITING: Statement = {
  name: 'capture-read-waiting',
  text: `
    select captured.id, captured.connection, captured.type, captured.entity, captured.record_id, captured.key,
      captured.aggregate_version, captured.source_version, captured.event_id, captured.hop_count, captured.occurred_at,
      captured.traceparent, captured.captured_at, payload.body
    from unnest($1::text[]) as leased (key)
    cross join lateral (
      select * from captured
      where captured.key = leased.key and captured.status = 'waiting' and captured.connection = any($3::text[])
      order by captured.aggregate_version
      limit $2
    ) as captured
    left join captured_payload as payload on payload.captured_id = captured.id
    order by captured.key, captured.aggregate_version`,
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
}
