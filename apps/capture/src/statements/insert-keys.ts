import type { Statement } from '#db';

/**
 * Takes the event ids that nobody has taken yet. A copy of the same event in another open transaction is waited for, and
 * then found to be first. `order by`: two requests with the same ids meet at the first of them and cannot deadlock.
 */
export const INSERT_KEYS: Statement = {
  name: 'capture-insert-keys',
  text: `
    insert into captured_key (tenant, connection, source_event_id, captured_id, receipt_id, fingerprint)
    select $1, $2, source_event_id, nextval('captured_id'), receipt_id, decode(fingerprint, 'hex')
    from unnest($3::text[], $4::uuid[], $5::text[]) as event (source_event_id, receipt_id, fingerprint)
    order by source_event_id collate "C"
    on conflict do nothing
    returning source_event_id, captured_id`,
};

export interface InsertedKey {
  source_event_id: string;
  captured_id: bigint;
}
