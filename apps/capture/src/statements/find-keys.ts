import type { Statement } from '#db';

/** What is known of events by their sender's ids. No order is needed: the caller looks rows up by id. */
export const FIND_KEYS: Statement = {
  name: 'capture-find-keys',
  text: `
    select key.source_event_id, key.captured_id, key.receipt_id, encode(key.fingerprint, 'hex') as fingerprint,
      captured.event_id
    from captured_key as key join captured on captured.id = key.captured_id
    where key.tenant = $1 and key.connection = $2 and key.source_event_id = any($3::text[])`,
};

export interface KnownKey {
  source_event_id: string;
  captured_id: bigint;
  receipt_id: string;
  fingerprint: string;
  event_id: string;
}
