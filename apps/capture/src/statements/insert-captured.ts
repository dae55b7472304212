import type { Statement } from '#db';

/** The events themselves and their payloads, in one statement. No order is needed: ids and versions are drawn already. */
export const INSERT_CAPTURED: Statement = {
  name: 'capture-insert-captured',
  text: `
    with event as materialized (
      select * from unnest($3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::bigint[], $11::bigint[], $12::uuid[], $13::integer[], $14::timestamptz[], $15::text[], $16::text[],
        $17::text[], $18::text[])
        as event (id, receipt_id, source_event_id, type, entity, record_id, key, aggregate_version, source_version,
          event_id, hop_count, occurred_at, traceparent, code, reason, body)
    ), kept as (
      insert into captured (id, receipt_id, tenant, connection, source_event_id, type, entity, record_id, key,
        aggregate_version, source_version, event_id, hop_count, occurred_at, traceparent, status, code, reason, decided_at)
      select id, receipt_id, $1, $2, source_event_id, type, entity, record_id, key, aggregate_version, source_version,
        event_id, hop_count, occurred_at, traceparent, case when code is null then 'waiting' else 'rejected' end, code,
        reason, case when code is null then null else clock_timestamp() end
      from event
    )
    insert into captured_payload (captured_id, body) select id, body from event`,
};
