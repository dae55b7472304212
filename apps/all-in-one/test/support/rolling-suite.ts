import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '#testing';
import { customer, order, sendSigned } from './crm.ts';
import { homeWith } from './home.ts';
import { collect, dataFolder, generatedSecretOf, ready, spawnCommand, until } from './product.ts';
import { settled, status } from './records.ts';
import { addressOf, end, startStage, type StageProcess } from './stages.ts';
import { createdTwice, effects } from './witness.ts';

const STAGES = ['capture', 'relay', 'mapper', 'delivery', 'console'] as const;
/** One event so often, ms: five requests are open at any time. */
const PACE_MS = 40;

/**
 * A new version goes out under traffic, as Kubernetes does it: of each stage a new process starts and is ready, the old one
 * gets no new requests, then SIGTERM, and has 30 s. `kafka` keeps the event log on a broker of its own.
 */
export function describeRollingRestart(name: string, options: { kafka: boolean }): void {
  describe(`a rolling restart of every stage under traffic, ${name}`, () => {
    const cleanUp: (() => Promise<unknown> | void)[] = [];
    afterEach(async () => {
      for (const undo of cleanUp.splice(0).reverse()) await undo();
    });

    it('fails no request, and every order arrives once', async () => {
      const folder = dataFolder();
      cleanUp.push(() => folder.remove());
      const server = async (what: string, variable: string): Promise<string> => {
        const child = spawnCommand(['run', what], { CROSSDOCK_DATA: folder.path });
        cleanUp.push(() => end(child, 'SIGTERM'));
        return addressOf(child, variable);
      };
      const sandboxPort = await freePort();
      const home = homeWith([['baseUrl: sandbox:', `baseUrl: http://127.0.0.1:${sandboxPort}`]]);
      cleanUp.push(() => home.remove());
      const env = {
        DATABASE_URL: await server('postgres', 'DATABASE_URL'),
        KAFKA_BROKERS: options.kafka ? await server('kafka', 'KAFKA_BROKERS') : undefined,
        CROSSDOCK_DATA: folder.path,
        CROSSDOCK_HOME: home.path,
        CROSSDOCK_SANDBOX: 'on',
        CROSSDOCK_DRAIN: '1s',
        CROSSDOCK_SANDBOX_PORT: String(sandboxPort),
      };
      const migrating = spawnCommand(['migrate'], env);
      await ready(migrating, collect(migrating), /ran |up to date/);
      const start = async (stage: string): Promise<StageProcess> => {
        const process = await startStage(stage, env);
        cleanUp.push(() => process.stop());
        return process;
      };
      const sandbox = `http://127.0.0.1:${sandboxPort}`;
      const [, ...started] = await Promise.all(['sandbox', ...STAGES].map(start));
      const running = new Map(STAGES.map((stage, at) => [stage as string, started[at]!]));

      const secret = generatedSecretOf(folder.path, 'acme-crm');
      const traffic = new AbortController();
      const sending = sendUntil(traffic.signal, () => running.get('capture')!.url, secret);
      const asking = askUntil(traffic.signal, () => running.get('console')!.url);
      await sending.reached(20);
      for (const stage of STAGES) {
        const old = running.get(stage)!;
        running.set(stage, await start(stage)); // ready: from now on requests go there
        expect(`${stage} ended with ${await old.stop()}`).toBe(`${stage} ended with 0`);
        await sending.reached(sending.count() + 10);
      }
      traffic.abort();
      const [sent, asked] = await Promise.all([sending.done, asking]);
      expect([sent.failures, asked]).toEqual([[], []]);

      await until(
        () => status(running.get('console')!.url),
        (answer) =>
          settled(answer) && answer.flows.find((flow) => flow.name === 'orders')!.accepted === sent.orders.length,
        { within: 60_000, what: 'everything arrives' },
      );
      const done = await effects(sandbox);
      expect(createdTwice(done)).toEqual([]);
      const created = done.filter(({ document, operation }) => document === 'salesOrder' && operation === 'create');
      expect(created.map(({ key }) => key).sort()).toEqual(sent.orders.map((id) => `acme:order:acme-${id}`).sort());
      expect(done.filter(({ document }) => document === 'journalEntry')).toHaveLength(sent.orders.length);
    }, 240_000);
  });
}

interface Sent {
  orders: string[];
  /** what was not taken at the first try */
  failures: string[];
}

/** A customer, then its order, again and again; nothing is repeated, so that no failure hides. */
function sendUntil(stop: AbortSignal, url: () => string, secret: string) {
  const sent: Sent = { orders: [], failures: [] };
  const waiting: { count: number; resolve(): void }[] = [];
  const send = async (id: string, type: string, data: unknown): Promise<void> => {
    const answer = await sendSigned(`${url()}/hooks/acme-crm`, secret, { id, type, data }).catch((error: unknown) => ({
      status: 0,
      body: error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error),
    }));
    if (answer.status !== 202) sent.failures.push(`${id}: ${answer.status} ${JSON.stringify(answer.body)}`);
  };
  const one = async (n: number): Promise<void> => {
    await send(`c${n}-1`, 'customer.created', customer(`c${n}`));
    await send(`o${n}-1`, 'order.won', order(`o${n}`, `c${n}`));
    sent.orders.push(`o${n}`);
    for (const each of waiting) if (sent.orders.length >= each.count) each.resolve();
  };
  const work = async (): Promise<Sent> => {
    const open: Promise<void>[] = [];
    for (let n = 0; !stop.aborted; n++) {
      open.push(one(n));
      await wait(PACE_MS);
    }
    await Promise.all(open);
    return sent;
  };
  return {
    done: work(),
    count: () => sent.orders.length,
    reached: (count: number) =>
      new Promise<void>((resolve) => {
        if (sent.orders.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
  };
}

/** Asks the console for the status all the time; what was not answered 200. */
async function askUntil(stop: AbortSignal, url: () => string): Promise<string[]> {
  const failures: string[] = [];
  while (!stop.aborted) {
    await status(url()).catch((error: unknown) => failures.push(String(error)));
    await wait(100);
  }
  return failures;
}
