import type { Statement } from '#db';

/** A known id with another content: kept beside the first, once per content. `order by`: no deadlock among repeats. */
export const INSERT_CONFLICT: Statement = {
  name: 'capture-insert-conflict',
  text: `
    insert into captured_conflict as known (captured_id, fingerprint, body)
    select captured_id, decode(fingerprint, 'hex'), body
    from (
      select distinct on (captured_id, fingerprint) captured_id, fingerprint, body
      from unnest($1::bigint[], $2::text[], $3::text[]) as conflict (captured_id, fingerprint, body)
      order by captured_id, fingerprint
    ) as conflict
    on conflict (captured_id, fingerprint) do update
      set times = known.times + 1, last_received_at = clock_timestamp()`,
};
