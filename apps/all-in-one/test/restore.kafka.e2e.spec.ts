import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { Database } from '#db';
import { freePort } from '#testing';
import { baseBackup, replaceBy, startCluster, type Cluster } from './support/cluster.ts';
import { dataFolder, sendJson, spawnCommand, until } from './support/product.ts';
import { ordersAccepted, settled, type Status } from './support/records.ts';
import { startRestoredWorld, untilStatus, type RestoredWorld } from './support/restored.ts';
import { addressOf, end } from './support/stages.ts';
import { createdTwice, effects, type Effect } from './support/witness.ts';

type Sent = Effect & { body: string };
const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `${from + n}`);
const orderKeys = (...of: string[]): string[] => of.map((id) => `acme:order:acme-o${id}`).sort();
const created = (done: readonly Effect[]): Effect[] =>
  done.filter(({ operation, document }) => operation === 'create' && document === 'salesOrder');
/** The versions of an order that the ERP has seen, in its order. */
const story = (done: readonly Sent[], id: string): string[] =>
  done
    .filter(({ document, key }) => document === 'salesOrder' && key === orderKeys(id)[0])
    .map(({ operation, body }) =>
      operation === 'cancel' ? 'withdrawn' : (/"purchaseOrderRef":"(v\d+)"/.exec(body)?.[1] ?? 'v1'),
    );
const published = ({ capture, outbox }: Status): boolean => capture.pending === 0 && outbox.unpublished === 0;

/** Of `crossdock restore report --json`. */
interface Report {
  events: { putBack: number; first: { topic: string; key: string; version: string }[] };
  left: Record<string, number>;
  deliveries: {
    counts: Record<string, number>;
    findings: { key: string; verdict: string; document: string; version: string }[];
  };
}

describe('PostgreSQL restored to an earlier point than Kafka and the targets', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  /** Whoever writes to the table stands still until it is let go. */
  async function hold(cluster: Cluster, table: string): Promise<() => Promise<void>> {
    const database = await Database.open({ url: cluster.url, name: 'hold', max: 1 });
    const session = await database.session();
    await session.query('begin');
    await session.query(`lock table ${table} in exclusive mode`);
    return async () => {
      await session.close();
      await database.close();
    };
  }

  /** Which event has which place in the outbox. */
  async function outbox(cluster: Cluster): Promise<Map<bigint, string>> {
    const database = await Database.open({ url: cluster.url, name: 'outbox', max: 1 });
    const rows = await database.query<{ id: bigint; event_id: string }>('select id, event_id::text from outbox');
    await database.close();
    return new Map(rows.map(({ id, event_id }) => [id, event_id]));
  }

  /** As docs/guides/operate.md has it for what delivery had read on after the backup. */
  const refill = async (world: RestoredWorld): Promise<void> => {
    for (const topic of ['crm.customer.v1', 'crm.order.v1'])
      await world.crossdock('refill', '--group', 'mapper', '--topic', topic, '--reason', 'restored');
  };

  it('puts back what only the log has, finds what the targets have, and goes on behind both', async () => {
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const broker = spawnCommand(['run', 'kafka'], { CROSSDOCK_DATA: folder.path });
    cleanUp.push(() => end(broker, 'SIGTERM'));
    const [brokers, cluster] = await Promise.all([
      addressOf(broker, 'KAFKA_BROKERS'),
      startCluster(join(folder.path, 'database'), await freePort()),
    ]);
    cleanUp.push(() => cluster.stop());
    const world = await startRestoredWorld(cluster.url, folder.path, brokers);
    cleanUp.push(() => world.close());
    const fault = (effect?: string): Promise<unknown> =>
      sendJson('PUT', `${world.sandbox}/faults`, effect ? [{ match: { system: 'erp', method: 'POST' }, effect }] : []);

    await world.send(ids(0, 5)); // delivered before the backup
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 5, 'the first orders');
    await fault('down');
    await world.send(ids(10, 5)); // in the backup, delivered after it
    await untilStatus(world.url, (answer) => ordersAccepted(answer) === 10, 'the second orders wait for the ERP');
    const letIn = await hold(cluster, 'delivery');
    await world.send(ids(15, 5)); // published before the backup, read by delivery after it
    await untilStatus(world.url, published, 'the third orders are on the log');
    const backup = join(folder.path, 'backup');
    await baseBackup(cluster, backup);
    await letIn();
    await fault();
    await world.send(ids(20, 5)); // not in the backup at all
    await world.change('0', 2);
    await world.change('10', 2);
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 22, 'all is delivered');
    await fault('apply-and-never-answer');
    await world.send(ids(30, 5)); // in flight, and there
    await until(
      () => effects(world.sandbox),
      (done) => created(done).length === 25,
      { within: 60_000, what: 'orders are in flight' },
    );
    await hold(cluster, 'delivery');
    await world.send(ids(35, 3)); // on the log, and delivery has not read them
    await untilStatus(world.url, published, 'the last orders are on the log');
    const lost = await outbox(cluster);
    await hold(cluster, 'outbox');
    await world.send(ids(40, 3)); // answered, and gone with the database
    const before = await effects(world.sandbox);

    await world.kill();
    await cluster.crash();
    replaceBy(cluster, backup);
    await fault();
    await cluster.start();
    await world.start();

    expect(await world.crossdock('restore')).toMatch(/^doubted: .*older than the newest mark/);
    expect((await world.order('31')).status).toBe(503);
    const reporting = world.crossdock('restore', 'report', '--json');
    await refill(world);
    const report = JSON.parse(await reporting) as Report;
    const beyond = [...ids(20, 5), ...ids(30, 8)];
    expect(report.events.first.map(({ key, version }) => `${key} ${version}`).sort()).toEqual(
      [
        ...orderKeys(...beyond).flatMap((key) => [`${key} 1`, `${key.replace('order:acme-o', 'customer:acme-c')} 1`]),
        ...orderKeys('0', '10').map((key) => `${key} 2`),
      ].sort(),
    );
    expect(report.left).toEqual({});
    const verdict = (wanted: string): string[] =>
      report.deliveries.findings
        .filter(({ verdict: said, document }) => said === wanted && document === 'salesOrder')
        .map(({ key, version }) => `${key} ${version}`)
        .sort();
    const found = orderKeys(...ids(10, 10), ...ids(20, 5), ...ids(30, 5)).map((key) => `${key} 1`);
    expect(verdict('found')).toEqual([...found, `${orderKeys('10')[0]} 2`].sort());
    expect(verdict('absent')).toEqual(orderKeys(...ids(35, 3)).map((key) => `${key} 1`));
    expect(verdict('update')).toEqual([`${orderKeys('0')[0]} 2`]);

    await world.send([...ids(20, 3), ...ids(30, 8), ...ids(40, 3)]); // the sources repeat what they sent since then
    await world.change('0', 2);
    await world.cancel('24'); // the newest word of this one was not heard before
    await untilStatus(world.url, published, 'the repeats are taken in');
    expect(await effects(world.sandbox)).toHaveLength(before.length);

    await until(
      () => world.crossdock('restore', 'accept'),
      (text) => text.startsWith('accepted'),
      { within: 60_000, what: 'it is accepted' },
    );
    await world.send(ids(50, 3)); // life goes on
    for (const id of ['0', '10', '20', '30', '35']) await world.change(id, 3);
    await world.cancel('0', 4);
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 43, 'everything settles');
    const after = await effects<{ body: string }>(world.sandbox, '?bodies=true');
    expect(createdTwice(after)).toEqual([]);
    expect(
      created(after)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(orderKeys(...ids(0, 5), ...ids(10, 10), ...beyond, ...ids(40, 3), ...ids(50, 3)));
    const stories = ['0', '10', '20', '24', '30', '35'].map((id) => story(after, id));
    expect(stories).toEqual(stories.map((versions) => [...versions].sort())); // none after a newer one
    expect(stories.map((versions) => versions.at(-1))).toEqual(['withdrawn', 'v3', 'v3', 'withdrawn', 'v3', 'v3']);
    expect(after.filter(({ document }) => document === 'journalEntry')).toHaveLength(36); // one each, two taken back
    const now = await outbox(cluster);
    const others = [...now].filter(([id, event]) => lost.has(id) && lost.get(id) !== event);
    expect(others.length).toBeGreaterThan(0); // the log has had these ids for other events
  }, 240_000);
});
