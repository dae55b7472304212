import { SCHEMA } from '#db';
import type { Gap } from './gap.ts';

/** What is asked for; numbers alone, so that they may stand in the text. */
export interface Reading {
  high: bigint;
  gaps: readonly Gap[];
  rows: number;
  bytes: number;
}

/** The first so many rows in the gaps and above the cursor, by id. Without gaps it is half as long to plan. */
export const CANDIDATES = (reading: Reading): string => {
  const { high, gaps, rows } = reading;
  const above = `select ${COLUMNS} from ${SCHEMA}.outbox where id > ${high} order by id limit ${rows}`;
  if (gaps.length === 0) return above;
  return `
  (select filled.* from unnest(${list(gaps, 'from')}, ${list(gaps, 'to')}) as gap (low, high)
    cross join lateral (
      select ${COLUMNS} from ${SCHEMA}.outbox where id between gap.low and gap.high order by id limit ${rows}
    ) as filled)
  union all
  (${above})
  order by id limit ${rows}`;
};

const COLUMNS = 'id, topic, key, headers, payload, appended_at';

const list = (gaps: readonly Gap[], end: 'from' | 'to'): string =>
  `'{${gaps.map((gap) => gap[end]).join()}}'::bigint[]`;

/** The row without an id: what the snapshot shows besides. */
export const SNAPSHOT = `null, null, null, null, null, null, pg_snapshot_xmin(pg_current_snapshot())::text,
    (select case when is_called then last_value else 0 end from ${SCHEMA}.outbox_id)`;
