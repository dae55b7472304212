import type { Statement } from '#db';

/**
 * The row locks of records whose events are about to be appended; no version is drawn. The relay relies on it: it may
 * pass a gap because the gap's record is locked by the transaction that drew the id. `order by`: the order in which
 * everybody locks records.
 */
export const LOCK_RECORDS: Statement = {
  name: 'capture-lock-records',
  text: `
    with held as materialized (
      select key from aggregate_version where key = any($1::text[]) order by key collate "C" for update
    )
    update aggregate_version as record set xid = pg_current_xact_id() from held where record.key = held.key`,
};
