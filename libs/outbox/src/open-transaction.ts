import { SCHEMA, type Queryable, type Statement } from '#db';

/** A transaction that has changed something and does not end. */
export interface OpenTransaction {
  pid: number;
  /** as its service calls itself; empty where it does not */
  application: string;
  since: Date;
}

/**
 * The oldest transaction with an id, where ids of the outbox are drawn and not visible: its rows are among them, or the
 * proof that others were rolled back waits for it. `order by xact_start`: whoever ends it may find the next one behind it.
 * Transactions of other users show only to a role that has pg_read_all_stats.
 */
const OLDEST: Statement = {
  name: 'outbox-open-transaction',
  text: `
    select pid, application_name as application, xact_start as since
    from pg_stat_activity
    where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid()
      and xact_start < clock_timestamp() - make_interval(secs => $1 / 1000.0)
      and exists (select 1 from ${SCHEMA}.relay_cursor where gaps <> '[]')
    order by xact_start limit 1`,
};

/** Undefined while none has been open for `ms` or more. */
export async function oldestOpenTransaction(db: Queryable, ms: number): Promise<OpenTransaction | undefined> {
  const [row] = await db.query<OpenTransaction>(OLDEST, [ms]);
  return row;
}
