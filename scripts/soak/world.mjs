// The processes of a soak: PostgreSQL, the sandbox, and each stage on its own; all of them can be killed and started again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const STAGES = ['capture', 'relay', 'mapper', 'delivery', 'console'];

export async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 8_000);
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

export async function until(ask, good, seconds, what) {
  let last;
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    last = await ask().catch((error) => error);
    if (!(last instanceof Error) && good(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(
    `${what}: not within ${seconds} s; last: ${last instanceof Error ? last.message : JSON.stringify(last)?.slice(0, 1500)}`,
  );
}

export const getJson = async (url) => {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
};

/** What Node allows itself in a container of 512 MiB, which `k8s/base` gives each stage, and what the image sets. */
const LIKE_THE_IMAGE = '--max-old-space-size=256 --max-semi-space-size=16';

export async function startWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'crossdock-soak-'));
  chmodSync(folder, 0o755);
  const home = join(folder, 'home');
  mkdirSync(home);
  const sandboxPort = await freePort();
  const example = readFileSync(join(root, 'crossdock.yaml'), 'utf8');
  writeFileSync(
    join(home, 'crossdock.yaml'),
    example.replaceAll('baseUrl: sandbox:', `baseUrl: http://127.0.0.1:${sandboxPort}`),
  );
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    CROSSDOCK_DATA: folder,
    CROSSDOCK_HOME: home,
    CROSSDOCK_SANDBOX: 'on',
    CROSSDOCK_SANDBOX_PORT: String(sandboxPort),
    CROSSDOCK_POSTGRES_PORT: String(await freePort()),
    CROSSDOCK_LOG_LEVEL: 'error',
    NODE_OPTIONS: LIKE_THE_IMAGE,
  };
  const run = (args, more = {}) => {
    const child = spawn(process.execPath, [join(root, 'dist/apps/cli/src/main.js'), ...args], {
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (child.text = (child.text + chunk).slice(-4000)));
    return child;
  };
  const end = async (child, signal) => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
    return child.exitCode;
  };

  let postgres;
  const startPostgres = async () => {
    postgres = run(['run', 'postgres']);
    await until(
      async () => postgres.text,
      (text) => /^DATABASE_URL=.+$/m.test(text),
      90,
      'PostgreSQL starts',
    );
    return /^DATABASE_URL=(.+)$/m.exec(postgres.text)[1];
  };
  env.DATABASE_URL = await startPostgres();
  const migrating = run(['migrate']);
  if ((await once(migrating, 'exit'))[0] !== 0) throw new Error(migrating.text);

  const stages = new Map();
  const start = async (name) => {
    const known = stages.get(name) ?? { port: await freePort(), metrics: await freePort(), starts: 0 };
    const child = run(['run', name], {
      CROSSDOCK_PORT: String(known.port),
      CROSSDOCK_METRICS_PORT: String(known.metrics),
    });
    const stage = {
      ...known,
      name,
      child,
      starts: known.starts + 1,
      url: `http://127.0.0.1:${known.port}`,
      metricsUrl: `http://127.0.0.1:${known.metrics}/metrics`,
    };
    stages.set(name, stage);
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${child.text}`);
        return (await fetch(`http://127.0.0.1:${known.metrics}/readyz`)).status;
      },
      (status) => status === 200,
      90,
      `${name} is ready`,
    );
  };
  await start('sandbox');
  for (const stage of STAGES) await start(stage);

  return {
    stages,
    databaseUrl: env.DATABASE_URL,
    sandbox: `http://127.0.0.1:${sandboxPort}`,
    secret: readFileSync(join(folder, 'secrets', 'acme-crm'), 'utf8').trim(),
    restart: async (name) => {
      await end(stages.get(name).child, 'SIGKILL');
      await start(name);
    },
    crashPostgres: async () => {
      const pid = Number(readFileSync(join(folder, 'postgres/cluster/postmaster.pid'), 'utf8').split('\n')[0]);
      process.kill(pid, 'SIGQUIT'); // as a crash
      await end(postgres, 'SIGTERM');
      await startPostgres();
    },
    close: async () => {
      for (const { child } of stages.values()) child.kill('SIGCONT');
      const codes = await Promise.all(
        [...stages.values()].map(async ({ name, child }) => [name, await end(child, 'SIGTERM')]),
      );
      await end(postgres, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
      return codes;
    },
  };
}
