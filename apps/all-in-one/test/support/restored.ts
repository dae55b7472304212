import { once } from 'node:events';
import { join } from 'node:path';
import { customer, order, sendSigned } from './crm.ts';
import { homeWith } from './home.ts';
import { freePorts } from './ports.ts';
import { collect, generatedSecretOf, spawnCommand, startProduct, until } from './product.ts';
import { status, type Status } from './records.ts';
import { end } from './stages.ts';
import { effects } from './witness.ts';

/** The product in one process on a database that a test disturbs, and the targets outside of both. */
export interface RestoredWorld {
  url: string;
  metrics: string;
  sandbox: string;
  /** what the product has said */
  output(): string;
  /** orders of one customer each, by the webhook; throws unless each is taken */
  send(ids: readonly string[]): Promise<void>;
  /** the answer to one order */
  order(id: string): Promise<{ status: number }>;
  /** a newer version of an order, told by its purchase order reference; throws unless it is taken */
  change(id: string, version: number): Promise<void>;
  /** the order was won and is cancelled; throws unless it is taken */
  cancel(id: string, version?: number): Promise<void>;
  start(): Promise<void>;
  kill(): Promise<void>;
  /** `crossdock ...` on this world: what it prints; throws with its errors unless it ends with 0 */
  crossdock(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

/** `kafkaBrokers`: the log outlives the database. */
export async function startRestoredWorld(
  databaseUrl: string,
  folder: string,
  kafkaBrokers?: string,
): Promise<RestoredWorld> {
  const ports = await freePorts();
  const home = homeWith([['baseUrl: sandbox:', `baseUrl: http://127.0.0.1:${ports.sandbox}`]]);
  const data = join(folder, 'product');
  const env = {
    DATABASE_URL: databaseUrl,
    CROSSDOCK_DATA: data,
    CROSSDOCK_HOME: home.path,
    ...(kafkaBrokers !== undefined && { KAFKA_BROKERS: kafkaBrokers }),
  };
  const crossdock = async (...args: string[]): Promise<string> => {
    const child = spawnCommand(args, { ...env, CROSSDOCK_PORT: String(ports.port) });
    const output = collect(child);
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`crossdock ${args.join(' ')}: ${code} ${output()}`);
    return output();
  };
  await crossdock('migrate');
  const sandbox = spawnCommand(['run', 'sandbox'], {
    ...env,
    CROSSDOCK_SANDBOX_PORT: String(ports.sandbox),
    CROSSDOCK_METRICS_PORT: '0',
  });
  collect(sandbox);
  const options = { data, home: home.path, ports, sandboxElsewhere: true, env };
  let product = await startProduct(options);
  const at = `http://127.0.0.1:${ports.sandbox}`;
  await until(
    () => effects(at),
    () => true,
    { within: 60_000, what: 'the sandbox' },
  );
  const hook = `${product.url}/hooks/acme-crm`;
  const secret = generatedSecretOf(data, 'acme-crm');
  const sendOrder = (id: string) =>
    sendSigned(hook, secret, { id: `o-${id}`, type: 'order.won', data: order(`o${id}`, `c${id}`) });
  const taken = (what: string, { status: code, body }: { status: number; body: unknown }): void => {
    if (code !== 202 && code !== 200) throw new Error(`${what} was answered ${code} ${JSON.stringify(body)}`);
  };
  return {
    url: product.url,
    metrics: product.metrics,
    sandbox: at,
    output: () => product.output(),
    order: sendOrder,
    change: async (id, version) => {
      const data = { ...order(`o${id}`, `c${id}`, version), purchaseOrderRef: `v${version}` };
      taken(`order ${id}`, await sendSigned(hook, secret, { id: `o-${id}-${version}`, type: 'order.changed', data }));
    },
    cancel: async (id, version = 2) => {
      const data = order(`o${id}`, `c${id}`, version, 'CANCELLED');
      taken(`order ${id}`, await sendSigned(hook, secret, { id: `o-${id}-${version}`, type: 'order.cancelled', data }));
    },
    send: async (ids) => {
      for (const id of ids) {
        const first = { id: `c-${id}`, type: 'customer.created', data: customer(`c${id}`) };
        taken(`customer ${id}`, await sendSigned(hook, secret, first));
        taken(`order ${id}`, await sendOrder(id));
      }
    },
    start: async () => {
      product = await startProduct(options);
    },
    kill: () => product.kill(),
    crossdock,
    close: async () => {
      await product.stop();
      await end(sandbox, 'SIGTERM');
      home.remove();
    },
  };
}

/** Asks the status until it is so. */
export const untilStatus = (url: string, good: (answer: Status) => boolean, what: string): Promise<Status> =>
  until(() => status(url), good, { within: 60_000, what });
