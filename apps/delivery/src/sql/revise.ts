import type { Statement } from '#db';

export interface MetRow {
  /** of the revision in force */
  content_hash: string | null;
  /** a newer version of the record is there, and was neither cancelled nor ignored */
  newer: boolean;
}

/** What a replay of delivery $1 is compared with. */
export const MEET: Statement = {
  name: 'delivery-meet',
  text: `
select encode(r.content_hash, 'hex') as content_hash, exists (
         select 1 from delivery n where n.key = d.key and n.lane_id = d.lane_id and n.status not in ('CANCELLED', 'IGNORED')
            and (coalesce(n.source_version, -1), n.aggregate_version) > (coalesce(d.source_version, -1), d.aggregate_version)
       ) as newer
  from delivery d left join revision r on r.delivery_id = d.id and r.n = d.revision
 where d.id = $1`,
};

/** A new revision. Hashes are hex, lists JSON text. */
export interface NewRevision {
  kind: string;
  body: string | null;
  open: string;
  create_only: string;
  content_hash: string;
  origin: 'edit' | 'replay';
  bundle: string | null;
  command_id: string | null;
  review: string | null;
  reason: string | null;
  amount: string | null;
  currency: string | null;
}

/**
 * Delivery $1 gets the revision $2 (JSON, `NewRevision`) and waits with it. Its lane, which the transaction has locked, takes a new token:
 * whoever holds it prepared the revision before. $3: a person wrote it. A number is never used twice, though its revision was dropped.
 * Its hops are forgotten: it goes out because somebody ordered that, also by a replay, and not because a write of ours came around.
 */
export const REVISE: Statement = {
  name: 'delivery-revise',
  text: `
with input as (
  select * from json_to_record($2::json) as x(kind text, body text, open text, create_only text, content_hash text, origin text,
    bundle text, command_id uuid, review text, reason text, amount numeric, currency text)
), made as (
  insert into revision (delivery_id, n, kind, body, open, create_only, content_hash, origin, bundle, command_id)
  select $1, (select coalesce(max(n), 0) + 1 from revision where delivery_id = $1), kind, body, open::jsonb, create_only::jsonb,
         decode(content_hash, 'hex'), origin, bundle, command_id from input
  returning n
), unwaited as (
  delete from dependency_wait where delivery_id = $1
), revised as (
  update delivery d set status = 'PENDING', revision = m.n, kind = x.kind, bundle = coalesce(x.bundle, d.bundle), step = 0,
         next_attempt_at = null, review = x.review, reason = x.reason, waiting_for = null, error_class = null, error = null,
         hop_count = 0, reported = null,
         unchanged_revision = case when d.status = 'SKIPPED_NOCHANGE' then d.revision else d.unchanged_revision end,
         amount = coalesce(x.amount, d.amount), currency = coalesce(x.currency, d.currency),
         changed_at = clock_timestamp(), finished_at = null
    from made m, input x where d.id = $1
  returning d.lane_id, d.revision
)
update lane l set token = l.token + 1, holder = null, until = null, wake = false, due_at = clock_timestamp(),
       ordered = l.ordered or $3::boolean
  from revised r where l.id = r.lane_id
returning r.revision`,
};
