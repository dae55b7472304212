import { RESULT_TYPE } from '#contracts';
import type { Statement } from '#db';

/**
 * Of deliveries $1, which ended without a change: where nothing at all came of their event, or a write-back had nothing new to tell, the
 * echo of our own write to the record is over, and what happens to the record next is somebody else's doing. Not before every flow
 * has said so, and not where a later write of ours is on its way. A write-back that its mapping ignores says nothing: what was
 * superseded has left its place to one that goes on. Sorted: two settles cannot lock in opposite orders.
 */
export const FORGET_OWN_WRITES: Statement = {
  name: 'delivery-forget-own-writes',
  text: `
with quiet as (
  select d.key, max(d.hop_count) as hops from delivery d
   where d.id = any($1::bigint[]) and (d.status = 'SKIPPED_NOCHANGE' or d.event_type not like '${RESULT_TYPE}%')
     and (select count(*) filter (where o.status in ('SKIPPED_NOCHANGE', 'IGNORED')) = max(o.fan_out)
            from delivery o where o.event_id = d.event_id)
   group by d.key
), over as (
  select own.key from own_write own join quiet q on q.key = own.key where own.hops <= q.hops order by own.key for update of own
)
delete from own_write own using over where own.key = over.key`,
};
