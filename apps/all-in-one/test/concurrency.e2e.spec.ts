import { afterEach, describe, expect, it } from '@jest/globals';
import { eventId } from '#contracts';
import type { Database } from '#db';
import { Metrics } from '#platform';
import { clonedDatabase, processFault, freePort } from '#testing';
import { Intake } from '../../delivery/src/intake.ts';
import { recordOf } from '../../delivery/test/harness.ts';
import { homeWith } from './support/home.ts';
import { Part } from './support/part.ts';
import { dataFolder, getJson, sendJson, until } from './support/product.ts';

const CONCURRENCY = 6;
const LATENCY_MS = 25;

describe('the concurrency of a connection', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('is never exceeded by two processes, one of them killed and one frozen, and nobody waits for the dead', async () => {
    const db = await clonedDatabase();
    cleanUp.push(() => db.close());
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const port = await freePort();
    const home = homeWith([
      ['budget: { requestsPerMinute: 60000, concurrency: 8 }', `budget: { concurrency: ${CONCURRENCY} }`],
      ['baseUrl: sandbox:', `baseUrl: http://127.0.0.1:${port}`],
    ]);
    cleanUp.push(() => home.remove());
    const env = {
      DATABASE_URL: db.url,
      CROSSDOCK_DATA: folder.path,
      CROSSDOCK_HOME: home.path,
      CROSSDOCK_SANDBOX_PORT: String(port),
    };
    const start = async (name: string): Promise<Part> => {
      const part = await Part.start(name, env);
      cleanUp.push(() => part.kill());
      return part;
    };
    await start('sandbox');
    const sandbox = `http://127.0.0.1:${port}`;
    await sendJson('PUT', `${sandbox}/faults`, { latencyMs: LATENCY_MS });
    const stopFeeding = feed(db.database);
    cleanUp.push(stopFeeding);
    const [a, b] = await Promise.all([start('delivery'), start('delivery')]);

    const slotsOf = async (part: Part): Promise<number> => {
      const [row] = await db.database.query<{ n: bigint }>(
        `select count(*) as n from connection_slot where connection = 'main-erp' and holder like $1`,
        [`%:${part.pid}:%`],
      );
      return Number(row!.n);
    };
    const shares = async () => [await slotsOf(a), await slotsOf(b)];
    const half = CONCURRENCY / 2;
    await until(shares, ([one, other]) => one === half && other === half, {
      within: 60_000,
      what: 'they share evenly',
    });

    await a.kill();
    const killedAt = performance.now();
    await until(
      () => slotsOf(b),
      (n) => n === CONCURRENCY,
      { within: 60_000, what: 'the other one has its slots' },
    );
    // a second on a machine with nothing else to do; its lease would have been 30 s
    expect(performance.now() - killedAt).toBeLessThan(15_000);

    const c = await start('delivery');
    await until(
      () => slotsOf(c),
      (n) => n === half,
      { within: 60_000, what: 'a third one has its share' },
    );
    processFault.stop(b.pid);
    const before = (await load(sandbox)).calls;
    await until(
      () => load(sandbox),
      ({ calls }) => calls > before + 100,
      { within: 60_000, what: 'the third goes on' },
    );
    expect(await slotsOf(b)).toBe(half); // it may have requests open
    processFault.resume(b.pid);

    await stopFeeding();
    const left = async (): Promise<number> => {
      const [row] = await db.database.query<{ n: bigint }>(
        `select count(*) as n from delivery where status <> 'DELIVERED' and not exists (
           select 1 from attempt a where a.delivery_id = delivery.id and a.holder like $1)`,
        [`%:${a.pid}:%`],
      );
      return Number(row!.n);
    };
    // what the killed one had in the air is resolved when nothing can come of it any more; all else is there long before
    await until(left, (n) => n === 0, { within: 90_000, what: 'everything else is delivered' });
    const { most, open } = await load(sandbox);
    expect(most).toBe(CONCURRENCY);
    expect(open).toBeLessThanOrEqual(CONCURRENCY);
  }, 240_000);
});

const load = async (sandbox: string): Promise<{ calls: number; open: number; most: number }> =>
  (await getJson<{ erp: { calls: number; open: number; most: number } }>(`${sandbox}/load`)).erp;

/** Never lets the work run out, however long a process takes to start. */
function feed(database: Database): () => Promise<void> {
  const intake = new Intake(database, new Metrics(), () => {});
  let stopped = false;
  const feeding = (async () => {
    for (let next = 0; !stopped;) {
      const [row] = await database.query<{ n: bigint }>(`select count(*) as n from delivery where status = 'PENDING'`);
      if (row!.n < 500n) {
        const refused = await intake.take(Array.from({ length: 500 }, () => customer(next++)));
        if (refused.length > 0) throw new Error(refused[0]!.reason);
      } else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return () => {
    stopped = true;
    return feeding;
  };
}

function customer(n: number) {
  const key = `c${n}`;
  const event = eventId({ tenant: 't', source: 'acme-crm', entity: 'e', recordId: key, sourceEventId: key });
  const body = { externalId: `t:e:${key}`, name: `Customer ${n}`, active: true };
  return recordOf('main-erp', event, { document: 'customer', flow: 'customers', key, body }, BigInt(n));
}
