import type { Statement } from '#db';

/**
 * An answer that came when the lane was no longer ours: kept with attempt ($1, $2) as evidence $3; a definite one ($4: done,
 * rejected, not-sent; $5 the target's id) closes the doubt when the lane is next claimed. The only write without a token.
 * The lane is locked first, as everywhere.
 */
export const LATE_ANSWER: Statement = {
  name: 'delivery-late-answer',
  text: `
with locked as (
  select l.id from lane l join delivery d on d.lane_id = l.id where d.id = $1 for update of l
), kept as (
  update attempt set evidence = evidence || $3::jsonb, late_outcome = coalesce($4, late_outcome),
         late_target_id = coalesce($5, late_target_id)
   where delivery_id = (select $1 from locked) and n = $2 and (outcome is null or doubt = 'open')
  returning delivery_id
)
update lane l set wake = true, due_at = case when l.holder is null then clock_timestamp() else l.due_at end
  from kept, locked o where l.id = o.id`,
};
