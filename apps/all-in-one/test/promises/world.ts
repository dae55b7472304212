import { join } from 'node:path';
import { TcpProxy, changed, freePort, type Crash, type Rewrite } from '#testing';
import { homeWith } from '../support/home.ts';
import { collect, dataFolder, generatedSecretOf, spawnCommand } from '../support/product.ts';
import { Part } from '../support/part.ts';
import { Chronicle } from './chronicle.ts';
import { Clock } from './clock.ts';
import { Kafka } from './kafka.ts';
import { Postgres } from './postgres.ts';

export interface WorldOptions {
  /** default: the log in PostgreSQL */
  log?: 'postgres' | 'kafka';
  /** where Kafka keeps its data; default: with everything else of this world */
  kafkaData?: string;
  /** each stage a process of its own, two of relay, mapper and delivery; default: all in one process */
  stages?: boolean;
  /** lines of the example configuration, replaced after `QUICK` */
  home?: readonly (readonly [string, string])[];
  /** the product runs with these texts in the place of others */
  rewrites?: readonly Rewrite[];
  /** each process of the product has a wall clock of its own, which can be set; needs `clockLibrary` */
  clocks?: boolean;
}

/** The whole product; its servers and targets outlive it, and every way in and out goes through a proxy. */
export interface World {
  /** of the console and its API */
  url: string;
  sandbox: string;
  /** of the webhooks, by the proxy */
  hooks: string;
  secret: string;
  /** between the product and both targets */
  toTargets: TcpProxy;
  /** between the CRM and the product */
  toProduct: TcpProxy;
  /** every process of the product: all-in-one, or each stage */
  parts: readonly Part[];
  /** of each part, in their order; none without the option */
  clocks: readonly Clock[];
  postgres: Postgres;
  /** where the log is on Kafka */
  kafka: Kafka | undefined;
  /** what was sent in this world, by all runs */
  chronicle: Chronicle;
  /** the variables of a process that is to run with more changes than the others, or to crash */
  changes(more: { rewrites?: readonly Rewrite[]; crashes?: readonly Crash[] }): Record<string, string>;
  /** `crossdock ...` with these variables besides; resolves with what it printed, throws when it fails */
  command(args: readonly string[], more?: Readonly<Record<string, string>>): Promise<string>;
  close(): Promise<void>;
}

/** One second of patience and steps of a second between tries; settle times that cover `LATE_MS`. */
const QUICK = [
  ['timeout: 5s', `timeout: 1s\n    retry: { ladder: [${Array(30).fill('1s').join(', ')}], jitter: 20% }`],
  ['settle: 10s', 'settle: 3s'],
] as const;

/** Leases a fifth as long as in operation, so that what a killed process held is free within seconds. */
const SHORT_LEASES: readonly Rewrite[] = [
  { file: 'apps/delivery/src/engine/engine.js', find: 'options.leaseMs ?? 30_000', replace: '6_000' },
  { file: 'apps/capture/src/normaliser.js', find: 'leaseMs: 10_000', replace: 'leaseMs: 2_000' },
  {
    file: 'libs/event-log/src/postgres/postgres-event-log.js',
    find: 'leaseMs = 10_000',
    replace: 'leaseMs = 2_000',
  },
  { file: 'libs/event-log/src/kafka/kafka-event-log.js', find: 'sessionMs = 10_000', replace: 'sessionMs = 3_000' },
];

const STAGES = ['capture', 'relay', 'relay', 'mapper', 'mapper', 'delivery', 'delivery', 'console'] as const;

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const each of undo.splice(0).reverse()) await each();
  };
  try {
    const folder = dataFolder();
    undo.push(() => folder.remove());
    const postgres = await Postgres.start(folder.path);
    undo.push(() => postgres.stop());
    const kafka = options.log === 'kafka' ? await Kafka.start(options.kafkaData ?? folder.path) : undefined;
    undo.push(() => kafka?.stop());
    const sandboxPort = await freePort();
    const toTargets = await TcpProxy.open({ host: '127.0.0.1', port: sandboxPort });
    undo.push(() => toTargets.close());
    const home = homeWith([
      ...QUICK,
      ...(options.home ?? []),
      ['baseUrl: sandbox:', `baseUrl: http://127.0.0.1:${toTargets.port}`],
    ]);
    undo.push(() => home.remove());
    const env = {
      DATABASE_URL: postgres.url,
      KAFKA_BROKERS: kafka?.brokers,
      CROSSDOCK_DATA: `${folder.path}/product`,
      CROSSDOCK_HOME: home.path,
      CROSSDOCK_LOG_LEVEL: 'error',
      CROSSDOCK_SANDBOX_PORT: String(sandboxPort),
      CROSSDOCK_SANDBOX: 'off',
    };
    await command(['migrate'], env);
    const sandbox = await Part.start('sandbox', { ...env, CROSSDOCK_SANDBOX: 'on' });
    undo.push(() => sandbox.stop());
    const rewrites = [...SHORT_LEASES, ...(options.rewrites ?? [])];
    const parts: Part[] = [];
    undo.push(() => Promise.all(parts.map((part) => part.stop())));
    const clocks: Clock[] = [];
    for (const name of options.stages ? STAGES : ['all-in-one']) {
      if (options.clocks) clocks.push(new Clock(join(folder.path, `clock-${clocks.length}`)));
      parts.push(await Part.start(name, { ...env, ...changed({ rewrites }), ...clocks[parts.length]?.env }));
    }
    const [first, last] = [parts[0]!, parts.at(-1)!];
    const toProduct = await TcpProxy.open({ host: '127.0.0.1', port: first.port });
    undo.push(() => toProduct.close());
    return {
      url: last.url,
      sandbox: `http://127.0.0.1:${sandboxPort}`,
      hooks: `http://127.0.0.1:${toProduct.port}/hooks`,
      secret: generatedSecretOf(`${folder.path}/product`, 'acme-crm'),
      toTargets,
      toProduct,
      parts,
      clocks,
      postgres,
      kafka,
      chronicle: new Chronicle(),
      changes: (more) => changed({ ...more, rewrites: [...rewrites, ...(more.rewrites ?? [])] }),
      command: (args, more) => command(args, { ...env, ...more }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function command(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const child = spawnCommand(args, env);
  const output = collect(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if ((await ended) !== 0) throw new Error(`crossdock ${args.join(' ')} failed: ${output()}`);
  return output().trim();
}
