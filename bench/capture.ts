import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { packageRoot } from '#platform';
import { customer } from '../apps/all-in-one/test/support/crm.ts';
import { generatedSecretOf } from '../apps/all-in-one/test/support/product.ts';
import { PeerProcess } from './kit/peer-process.ts';
import { freePort } from './kit/port.ts';
import { printReport, type Report } from './kit/report.ts';

const EVENTS = 6_000;
const KEYS = 1_000;
const AT_ONCE = 32;
const ROUNDS = 3;
const NOTE = 'x'.repeat(600);

/**
 * Signed webhooks of 1 KiB, 32 at a time: how many a second are answered 202 by one capture process, beside a bare program that checks
 * the signature, commits one row of its own per event, and answers. Capture also makes outbox rows of them, meanwhile and afterwards;
 * when the last one is there is measured too, with its CPU per event.
 */
export default async function run(): Promise<Report> {
  const data = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(data, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: data });
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  try {
    await migrate(server.url);
    const database = await Database.open({ url: server.url, name: 'bench', max: 2 });
    const [port, metrics] = [await freePort(), await freePort()];
    const ours = new PeerProcess({
      name: 'capture',
      program: process.execPath,
      args: [join(packageRoot(), 'dist/apps/cli/src/main.js'), 'run', 'capture'],
      env: {
        DATABASE_URL: server.url,
        CROSSDOCK_DATA: join(data, 'product'),
        CROSSDOCK_PORT: String(port),
        CROSSDOCK_METRICS_PORT: String(metrics),
        CROSSDOCK_SANDBOX_PORT: '1', // nobody is asked
        CROSSDOCK_SANDBOX: 'off',
        CROSSDOCK_LOG_LEVEL: 'error',
      },
    });
    await ours.until('it is ready', () =>
      fetch(`http://127.0.0.1:${metrics}/readyz`).then(
        ({ status }) => (status === 200 ? true : undefined),
        () => undefined,
      ),
    );
    const secret = generatedSecretOf(join(data, 'product'), 'acme-crm');
    const bare = fork(fileURLToPath(new URL('./kit/bare-intake.js', import.meta.url)), [server.url, secret], {
      stdio: 'inherit',
    });
    const [barePort] = (await once(bare, 'message')) as [number];

    const answered = { ours: [] as number[], bare: [] as number[] };
    const appended: number[] = [];
    const cpu: number[] = [];
    await sendAll(agent, port, eventsOf('warm', secret).slice(0, EVENTS / 4));
    await sendAll(agent, barePort, eventsOf('warm', secret).slice(0, EVENTS / 4));
    await waitForOutbox(database, EVENTS / 4);
    for (let round = 0; round < ROUNDS; round++) {
      const events = eventsOf(`r${round}`, secret);
      answered.bare.push(await sendAll(agent, barePort, events));
      const [before, began] = [ours.cpuSeconds(), performance.now()];
      answered.ours.push(await sendAll(agent, port, events));
      await waitForOutbox(database, EVENTS / 4 + (round + 1) * EVENTS);
      appended.push(EVENTS / ((performance.now() - began) / 1_000));
      cpu.push(((ours.cpuSeconds() - before) * 1e6) / EVENTS);
    }
    bare.disconnect();
    await ours.stop();
    await database.close();
    const report: Report = {
      setup: [
        `${EVENTS.toLocaleString('en')} signed webhooks of 1 KiB on ${KEYS.toLocaleString('en')} records, ${AT_ONCE} at a time, over HTTP connections that stay open`,
        `one capture process, PostgreSQL and the clients on one machine; ${ROUNDS} rounds, alternating, medians`,
      ],
      comparisons: [
        {
          figure: 'webhooks answered 202',
          unit: '1/s',
          ours: answered.ours,
          peer: 'a bare insert each',
          theirs: answered.bare,
        },
        {
          figure: 'in the outbox, from the first webhook to the last row',
          unit: '1/s',
          ours: appended,
          peer: 'a bare insert each, no outbox',
          theirs: answered.bare,
        },
      ],
      figures: { 'CPU of capture per event, us': cpu.toSorted((a, b) => a - b)[ROUNDS >> 1]! },
    };
    printReport(report);
    return report;
  } finally {
    agent.destroy();
    await server.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

interface Signed {
  headers: Record<string, string>;
  body: string;
}

/** Each record in as many versions as there are events for it, in turn. */
function eventsOf(tag: string, secret: string): Signed[] {
  const webhook = new Webhook(secret);
  const now = new Date();
  return Array.from({ length: EVENTS }, (_, n) => {
    const id = `${tag}-${n}`;
    const version = 1 + Math.floor(n / KEYS);
    const state = { ...customer(`${tag}-${n % KEYS}`, version), note: NOTE };
    const body = JSON.stringify({ type: 'customer.updated', timestamp: now.toISOString(), data: state });
    return {
      body,
      headers: {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': webhook.sign(id, now, body),
      },
    };
  });
}

/** Answers per second; throws for any other than 202. */
async function sendAll(agent: Agent, port: number, events: readonly Signed[]): Promise<number> {
  let next = 0;
  const began = performance.now();
  const client = async (): Promise<void> => {
    for (let event = events[next++]; event; event = events[next++]) {
      const status = await post(agent, port, event);
      if (status !== 202) throw new Error(`a webhook was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return events.length / ((performance.now() - began) / 1_000);
}

function post(agent: Agent, port: number, { headers, body }: Signed): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ agent, port, host: '127.0.0.1', method: 'POST', path: '/hooks/acme-crm', headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode!));
    })
      .once('error', reject)
      .end(body);
  });
}

async function waitForOutbox(database: Database, rows: number): Promise<void> {
  const until = performance.now() + 120_000;
  while (performance.now() < until) {
    const [row] = await database.query<{ n: bigint }>('select count(*) as n from outbox');
    if (row!.n >= rows) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${rows} rows are not in the outbox after two minutes`);
}
