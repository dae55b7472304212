import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { packageRoot } from '#platform';
import { clonedDatabase, freePort, type ClonedDatabase } from '#testing';
import { CRM_SECRET, eventually, sign } from './testing/capture-app.ts';

const CONFIGURATION = `
version: 1
tenant: acme
connections:
  acme-crm: { connector: webhook, settings: { scheme: standard-webhooks, secrets: [{ env: CRM }] } }
`;
/** Requests in hand at once; each sender sends the next as soon as it is answered. */
const SENDERS = 6;
const REPLACED = 2;

interface Backend {
  url: string;
  metrics: string;
  child: ChildProcess;
  /** as its readiness probe last said */
  ready: boolean;
}

describe('capture, replaced under traffic', () => {
  let clone: ClonedDatabase;
  let home: string;
  const backends = new Set<Backend>();
  const agent = new Agent({ keepAlive: true });
  let stopped = false;
  let probing: Promise<void>;

  beforeAll(async () => {
    clone = await clonedDatabase();
    home = mkdtempSync(join(tmpdir(), 'crossdock-capture-'));
    writeFileSync(join(home, 'crossdock.yaml'), CONFIGURATION);
    probing = probe();
  });
  afterAll(async () => {
    stopped = true;
    await probing;
    for (const { child } of backends) child.kill('SIGKILL');
    agent.destroy();
    await clone.close();
    rmSync(home, { recursive: true, force: true });
  });

  /** What a balancer does: asks each backend now and then, and sends where it said yes. */
  async function probe(): Promise<void> {
    while (!stopped) {
      for (const backend of backends)
        backend.ready = await fetch(`${backend.metrics}/readyz`).then(
          ({ status }) => status === 200,
          () => false,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function start(): Promise<Backend> {
    const [port, metricsPort] = [await freePort(), await freePort()];
    const child = spawn(process.execPath, [join(packageRoot(), 'dist/apps/cli/src/main.js'), 'run', 'capture'], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        CRM: CRM_SECRET,
        DATABASE_URL: clone.url,
        CROSSDOCK_HOME: home,
        CROSSDOCK_DATA: home,
        CROSSDOCK_PORT: String(port),
        CROSSDOCK_METRICS_PORT: String(metricsPort),
        CROSSDOCK_DRAIN: '3s',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const urls = { url: `http://127.0.0.1:${port}`, metrics: `http://127.0.0.1:${metricsPort}` };
    const backend = { ...urls, child, ready: false };
    backends.add(backend);
    await eventually(
      async () => backend.ready,
      (ready) => ready,
    );
    return backend;
  }

  let turn = 0;
  const chosen = (): Backend => {
    const ready = [...backends].filter((backend) => backend.ready);
    return ready[turn++ % ready.length]!;
  };

  let sent = 0;
  const failures: string[] = [];
  async function keepSending(until: () => boolean): Promise<void> {
    while (!until()) {
      const id = `event-${++sent}`;
      const data = { id: `c${sent % 50}`, version: sent, name: 'A', kind: 'COMPANY', status: 'ACTIVE' };
      const body = JSON.stringify({ type: 'customer.updated', data });
      const status = await post(`${chosen().url}/hooks/acme-crm`, id, body).catch((error: unknown) => String(error));
      if (status !== 202) failures.push(`${id}: ${status}`);
    }
  }

  const post = (url: string, id: string, body: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', ...sign(id, new Date(), body) };
      const sending = request(url, { method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode!));
      });
      sending.on('error', reject).end(body);
    });

  it('fails no request, and loses none that it took', async () => {
    let old = await start();
    await start();
    let over = false;
    const sending = Array.from({ length: SENDERS }, () => keepSending(() => over));
    for (let replaced = 0; replaced < REPLACED; replaced++) {
      const before = sent;
      const next = await start();
      await eventually(
        async () => sent,
        (count) => count > before + 20,
      );
      const ended = once(old.child, 'exit');
      old.child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      backends.delete(old);
      old = replaced % 2 === 0 ? [...backends][0]! : next;
    }
    over = true;
    await Promise.all(sending);
    expect(failures).toEqual([]);
    const [kept] = await clone.database.query<{ count: number }>('select count(*)::integer as count from captured');
    expect(kept!.count).toBe(sent);
    const left = `
      select 1 from captured left join outbox_event using (event_id) where status <> 'published' or outbox_event.event_id is null`;
    await eventually(
      () => clone.database.query(left),
      (rows) => rows.length === 0,
    );
    for (const { child } of backends) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }
  }, 120_000);
});
