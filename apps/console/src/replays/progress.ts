import type { Queryable } from '#db';

const COUNTS = `
  select o.flow, o.outcome, coalesce(o.note, '') as note, count(*)::int as count, min(o.delivery_id) as example
    from replay r join replay_outcome o on o.event_id = r.event_id
   where r.command_id = $1
   group by 1, 2, 3
   -- the same answer every time
   order by 1, 2, 4 desc, 3
   limit 200`;

interface CountRow {
  flow: string;
  outcome: 'revised' | 'taken' | 'nothing';
  note: string;
  count: number;
  example: bigint | null;
}

/** What became of the events that command `id` replayed: `revised`, `taken` (by a flow that never had it) or `nothing`, and why. */
export async function replayProgress(db: Queryable, id: string) {
  const rows = await db.query<CountRow>(COUNTS, [id]);
  return {
    outcomes: rows.map(({ flow, outcome, note, count, example }) => ({
      flow,
      outcome,
      ...(note === '' ? {} : { note }),
      count,
      ...(example === null ? {} : { deliveryId: String(example) }),
    })),
  };
}
