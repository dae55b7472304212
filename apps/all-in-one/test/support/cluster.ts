import type { ChildProcess } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '#db';
import { collect, ready, spawnCommand, until } from './product.ts';
import { end } from './stages.ts';

/** An embedded PostgreSQL as a process of its own, whose data folder a test may replace. */
export interface Cluster {
  /** where the stages connect */
  url: string;
  data: string;
  /** the data folder proper */
  folder: string;
  /** as a crash: nothing is put in order */
  crash(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startCluster(data: string, port: number): Promise<Cluster> {
  let child: ChildProcess | undefined;
  const cluster: Cluster = {
    url: '',
    data,
    folder: join(data, 'postgres/cluster'),
    start: async () => {
      child = spawnCommand(['run', 'postgres'], { CROSSDOCK_DATA: data, CROSSDOCK_POSTGRES_PORT: String(port) });
      const output = collect(child);
      await ready(child, output, /^DATABASE_URL=.+$/m);
      cluster.url = /^DATABASE_URL=(.+)$/m.exec(output())![1]!;
    },
    crash: async () => {
      process.kill(postmaster(cluster.folder), 'SIGQUIT');
      await cluster.stop();
    },
    stop: async () => {
      if (child) await end(child, 'SIGTERM');
    },
  };
  await cluster.start();
  return cluster;
}

export const postmaster = (folder: string): number =>
  Number(readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n')[0]);

/** A base backup of the running cluster, as pg_basebackup makes one: whole in itself, taken while work goes on. */
export async function baseBackup(cluster: Cluster, to: string): Promise<void> {
  const database = await Database.open({ url: cluster.url, name: 'backup', max: 1 });
  const session = await database.session();
  try {
    await session.query("select pg_backup_start('test', true)");
    copy(cluster.folder, to);
    const [stopped] = await session.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    rmSync(join(to, 'pg_wal'), { recursive: true });
    copy(join(cluster.folder, 'pg_wal'), join(to, 'pg_wal')); // all of it that the backup needs is there now
    own(join(to, 'backup_label'), stopped!.labelfile, cluster.folder);
    for (const file of ['postmaster.pid', 'postmaster.opts']) rmSync(join(to, file), { force: true });
  } finally {
    await session.close();
    await database.close();
  }
}

/** Puts the backup in the place of the stopped cluster. */
export function replaceBy(cluster: Cluster, backup: string): void {
  rmSync(cluster.folder, { recursive: true });
  copy(backup, cluster.folder);
}

export interface StandBy extends Cluster {
  /** resolves when it has all that the primary has committed */
  catchUp(): Promise<void>;
  /** it hears nothing more of its primary */
  cut(): Promise<void>;
  promote(): Promise<void>;
}

/** From now on nothing is committed, hence answered, before a stand-by has it on disk. */
export async function waitForStandBy(primary: Cluster): Promise<void> {
  const database = await Database.open({ url: primary.url, name: 'stand-by', max: 1 });
  try {
    await database.query("alter system set synchronous_standby_names = '*'");
    await database.query('select pg_reload_conf()');
    await until(
      () => database.query<{ n: bigint }>("select count(*) as n from pg_stat_replication where sync_state = 'sync'"),
      ([row]) => row!.n === 1n,
      { within: 30_000, what: 'the stand-by is synchronous' },
    );
  } finally {
    await database.close();
  }
}

/** A streaming stand-by, asynchronous unless `waitForStandBy` is asked. */
export async function startStandBy(primary: Cluster, data: string, port: number): Promise<StandBy> {
  mkdirSync(join(data, 'postgres'), { recursive: true });
  const folder = join(data, 'postgres/cluster');
  await baseBackup(primary, folder);
  const { uid, gid } = statSync(folder);
  chownSync(join(data, 'postgres'), uid, gid);
  cpSync(join(primary.data, 'postgres/password'), join(data, 'postgres/password'));
  own(join(folder, 'standby.signal'), '', folder);
  own(join(folder, 'postgresql.auto.conf'), `primary_conninfo = '${primary.url}'\n`, folder);
  const cluster = await startCluster(data, port);
  const ask = async <Row>(url: string, sql: string): Promise<Row> => {
    const database = await Database.open({ url, name: 'stand-by', max: 1 });
    try {
      return (await database.query<Row>(sql))[0]!;
    } finally {
      await database.close();
    }
  };
  return Object.assign(cluster, {
    catchUp: async () => {
      const { at } = await ask<{ at: string }>(primary.url, 'select pg_current_wal_flush_lsn()::text as at');
      await until(
        () => ask<{ there: boolean }>(cluster.url, `select pg_last_wal_replay_lsn() >= '${at}' as there`),
        ({ there }) => there,
        { within: 30_000, what: 'the stand-by has caught up' },
      );
    },
    cut: async () => {
      own(join(folder, 'postgresql.auto.conf'), "primary_conninfo = ''\n", folder);
      await ask(cluster.url, 'select pg_reload_conf()');
      await until(
        () => ask<{ n: bigint }>(cluster.url, 'select count(*) as n from pg_stat_wal_receiver'),
        ({ n }) => n === 0n,
        { within: 30_000, what: 'the stand-by is cut off' },
      );
    },
    promote: async () => {
      await ask(cluster.url, 'select pg_promote()');
    },
  });
}

/** A file of the owner of the cluster. */
export function own(file: string, text: string, folder: string): void {
  writeFileSync(file, text, { mode: 0o600 });
  const { uid, gid } = statSync(folder);
  chownSync(file, uid, gid);
}

/** Files vanish while a live folder is copied; that is what the WAL of the backup is for. */
function copy(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (status !== 0 && !/No such file/.test(stderr)) throw new Error(`copying ${from}: ${stderr}`);
}
