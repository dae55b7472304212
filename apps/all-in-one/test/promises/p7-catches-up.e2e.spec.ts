import { afterEach, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { collect, dataFolder, freePort, freePorts, ready, sendJson, spawnCommand, until } from '../support/product.ts';
import { settled, status } from '../support/records.ts';
import { addressOf, end } from '../support/stages.ts';
import { createdTwice, effects } from '../support/witness.ts';

const ROUNDS = 3;
const ORDERS = 60;

describe('P7: after the last fault heals the system catches up by itself', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('while PostgreSQL crashes and comes back under load, again and again', async () => {
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const database = {
      CROSSDOCK_DATA: join(folder.path, 'database'),
      CROSSDOCK_POSTGRES_PORT: String(await freePort()),
    };
    let postgres = spawnCommand(['run', 'postgres'], database);
    cleanUp.push(() => end(postgres, 'SIGTERM'));
    const ports = await freePorts();
    const product = spawnCommand(['run', 'all-in-one'], {
      DATABASE_URL: await addressOf(postgres, 'DATABASE_URL'),
      CROSSDOCK_DATA: join(folder.path, 'product'),
      CROSSDOCK_LOG_LEVEL: 'silent',
      CROSSDOCK_PORT: String(ports.port),
      CROSSDOCK_METRICS_PORT: String(ports.metrics),
      CROSSDOCK_SANDBOX_PORT: String(ports.sandbox),
    });
    cleanUp.push(() => end(product, 'SIGTERM'));
    await ready(product, collect(product), /is ready/);
    const [url, sandbox] = [`http://127.0.0.1:${ports.port}`, `http://127.0.0.1:${ports.sandbox}`];
    const generate = (round: number) =>
      sendJson('POST', `${sandbox}/crm/generate`, { orders: ORDERS, seed: `p7-${round}` });

    for (let round = 1; round <= ROUNDS; round++) {
      const generating = generate(round).catch(() => {}); // the CRM loses its database too
      await until(
        () => effects(sandbox, '?system=finance'),
        (done) => done.length > (round - 1) * ORDERS,
        { within: 120_000, what: `round ${round} is under way` },
      );
      const pid = Number(
        readFileSync(join(database.CROSSDOCK_DATA, 'postgres/cluster/postmaster.pid'), 'utf8').split('\n')[0],
      );
      process.kill(pid, 'SIGQUIT'); // as a crash: nothing is put in order, recovery at the next start
      await end(postgres, 'SIGTERM');
      await wait(1_000); // it stays away for a while
      postgres = spawnCommand(['run', 'postgres'], database);
      await addressOf(postgres, 'DATABASE_URL');
      await generating;
      await until(
        () => generate(round),
        () => true,
        { within: 60_000, what: 'the CRM has its database again' },
      );
    }

    const last = await until(
      () => status(url),
      (answer) => settled(answer) && answer.flows.find((flow) => flow.name === 'orders')!.accepted >= ROUNDS * ORDERS,
      { within: 180_000, what: 'everything arrives without a restart' },
    );
    expect(last.flows.map((flow) => flow.difference)).toEqual([0, 0, 0]);
    const done = await effects(sandbox);
    expect(createdTwice(done)).toEqual([]);
    expect(done.filter(({ document, operation }) => document === 'salesOrder' && operation === 'create')).toHaveLength(
      ROUNDS * ORDERS,
    );
    expect(done.filter(({ document }) => document === 'journalEntry')).toHaveLength(ROUNDS * ORDERS);
    expect(product.exitCode).toBe(null);
  }, 600_000);
});
