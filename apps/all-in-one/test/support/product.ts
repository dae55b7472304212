import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '#platform';

/** The product as a user starts it, driven from outside: a process, its ports and its data folder. */
export interface Product {
  url: string;
  sandbox: string;
  metrics: string;
  pid: number;
  data: string;
  /** what it has printed so far, both streams */
  output(): string;
  /** `kill -9` of the one process; its children see to themselves */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code */
  stop(): Promise<number | null>;
}

export interface ProductOptions {
  data: string;
  home?: string;
  kafkaBrokers?: string;
  /** the sandbox is not the product's child: a target that outlives a killed product */
  sandboxElsewhere?: boolean;
  args?: readonly string[];
  ports: Ports;
  env?: Readonly<Record<string, string>>;
}

export interface Ports {
  port: number;
  metrics: number;
  sandbox: number;
}

export function dataFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'crossdock-e2e-'));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A test run starts some hundred processes: a third of what each takes to start is compiling the same modules. */
const NODE_COMPILE_CACHE = join(packageRoot(), '.crossdock/compile-cache');

/** Runs what was built: `npm test` builds first, and a test run alone uses what the last build left. */
export function spawnCommand(args: readonly string[], env: Readonly<Record<string, string | undefined>>): ChildProcess {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(CROSSDOCK_|KAFKA_|DATABASE_URL|TEST_DATABASE_URL|SCHEMA_REGISTRY_URL|NODE_OPTIONS|JEST_)/.test(name),
    ),
  );
  return spawn(process.execPath, [join(packageRoot(), 'dist/apps/cli/src/main.js'), ...args], {
    env: { NODE_COMPILE_CACHE, ...clean, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export async function startProduct(options: ProductOptions): Promise<Product> {
  const { ports } = options;
  const child = spawnCommand(['run', 'all-in-one', ...(options.args ?? [])], {
    CROSSDOCK_DATA: options.data,
    CROSSDOCK_HOME: options.home,
    CROSSDOCK_PORT: String(ports.port),
    CROSSDOCK_METRICS_PORT: String(ports.metrics),
    CROSSDOCK_SANDBOX_PORT: String(ports.sandbox),
    CROSSDOCK_SANDBOX: options.sandboxElsewhere ? 'off' : 'on',
    KAFKA_BROKERS: options.kafkaBrokers,
    ...options.env,
  });
  const output = collect(child);
  await ready(child, output, /Crossdock is ready/);
  return {
    url: `http://127.0.0.1:${ports.port}`,
    sandbox: `http://127.0.0.1:${ports.sandbox}`,
    metrics: `http://127.0.0.1:${ports.metrics}`,
    pid: child.pid!,
    data: options.data,
    output,
    kill: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
  };
}

/** The sandbox as a process of its own, on the database of the product that runs on `data`. */
export async function startSandboxAlone(options: {
  data: string;
  home?: string;
  ports: Ports;
}): Promise<() => Promise<void>> {
  const keep = join(options.data, 'postgres');
  const [password, port] = ['password', 'port'].map((name) => readFileSync(join(keep, name), 'utf8').trim());
  const child = spawnCommand(['run', 'sandbox'], {
    DATABASE_URL: `postgres://crossdock:${password}@127.0.0.1:${port}/crossdock`,
    CROSSDOCK_DATA: options.data,
    CROSSDOCK_HOME: options.home,
    CROSSDOCK_SANDBOX_PORT: String(options.ports.sandbox),
    CROSSDOCK_METRICS_PORT: '0',
  });
  const output = collect(child);
  await until(
    () => getJson(`http://127.0.0.1:${options.ports.sandbox}/erp/health`),
    () => true,
    {
      within: 60_000,
      what: `the sandbox starts (${output()})`,
    },
  );
  return async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
}

export function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}

/** Resolves when the output matches; throws with the output when the process ends first or nothing comes for 90 s. */
export async function ready(child: ChildProcess, output: () => string, expected: RegExp): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!expected.test(output())) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline)
      throw new Error(
        `the process did not become ready (${child.exitCode ?? child.signalCode ?? 'late'}):\n${output()}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/**
 * Asks until `good` says so; throws with the last answer. Who has waited long asks less often, by a fiftieth of the time so
 * far: what is asked, all effects or the status of all flows, is work for the product as well.
 */
export async function until<T>(
  ask: () => Promise<T>,
  good: (answer: T) => boolean,
  options: { within: number; what: string },
): Promise<T> {
  const began = Date.now();
  const deadline = began + options.within;
  let last: T | undefined;
  let failure: unknown;
  while (Date.now() < deadline) {
    try {
      last = await ask();
      failure = undefined;
      if (good(last)) return last;
    } catch (error) {
      failure = error;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(20, Math.min((Date.now() - began) / 50, 500))));
  }
  throw new Error(
    `${options.what}: not within ${options.within} ms; last: ${failure ? String(failure) : JSON.stringify(last)?.slice(0, 3000)}`,
  );
}

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url}: ${response.status} ${(await response.text()).slice(0, 500)}`);
  return (await response.json()) as T;
}

export async function sendJson<T>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text.slice(0, 500)}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** The secret of the example's signed webhook connection, as `crossdock show secret` prints it. */
export function generatedSecretOf(data: string, name: string): string {
  return readFileSync(join(data, 'secrets', name), 'utf8').trim();
}
