import type { Queryable, Statement } from './database.ts';

/**
 * `datname` is null for a stand-by and a backup, a database for a logical subscriber. An ordinary role sees no more of a
 * stand-by than this, not whether it is synchronous; it may read the settings.
 */
const RISK: Statement = {
  name: 'commits-at-risk',
  text: `
    select current_setting('synchronous_commit') as "commit", current_setting('synchronous_standby_names') as names,
      exists (
        select 1 from pg_stat_replication join pg_stat_activity activity using (pid)
        where activity.datname is null and activity.application_name not in ('pg_basebackup', 'pg_receivewal')
      ) as "standBy"`,
};

/**
 * Why an acknowledged commit may be lost by a crash or a failover; undefined where it cannot be, as far as PostgreSQL knows:
 * storage that a cloud replicates by itself does not show. Asked by each relay at its start and once a minute.
 */
export async function commitsAtRisk(db: Queryable): Promise<string | undefined> {
  const [row] = await db.query<{ commit: string; names: string; standBy: boolean }>(RISK);
  const { commit, names, standBy } = row!;
  if (commit === 'off')
    return 'synchronous_commit is off: a crash of PostgreSQL may lose events that were accepted last';
  if (!standBy || (names.trim() !== '' && commit !== 'local')) return undefined;
  const setting = names.trim() === '' ? 'synchronous_standby_names is empty' : 'synchronous_commit is local';
  return `PostgreSQL has stand-bys and waits for none (${setting}): a failover may lose events that were accepted last`;
}
