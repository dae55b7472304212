import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CrossdockError, type Connection, type RawEvent } from '#contracts';
import { configureLogging, Metrics, packageRoot } from '#platform';
import { fileRegistry, loadSchemas, type SchemaRegistry } from '#schema';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { NormaliseBatch } from './normalise-batch.ts';
import { Normaliser, type NormaliserOptions } from './normaliser.ts';
import { CLAIM_LEASES, type Lease } from './statements/claim-leases.ts';
import { Store } from './store.ts';
import { eventually } from './testing/capture-app.ts';
import { Vocabulary } from './vocabulary.ts';

const schemas = loadSchemas({ roots: [`${packageRoot()}/schemas`] });
const crm = { name: 'crm', connector: 'webhook', side: 'source', zone: 'UTC', idPrefix: '' } as Connection;
const connections = new Map([[crm.name, crm]]);

let clone: ClonedDatabase;
let running: Normaliser[] = [];
beforeAll(async () => {
  configureLogging({ logLevel: 'silent' });
  clone = await clonedDatabase();
});
afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()));
  running = [];
  await clone.database.query(
    'truncate captured, captured_key, captured_payload, normalise_lease, aggregate_version, outbox, outbox_event',
  );
});
afterAll(() => clone?.close());

const batchOn = (registry: SchemaRegistry = fileRegistry(schemas)) =>
  new NormaliseBatch(clone.database, 'acme', connections, new Vocabulary(schemas, registry, { find: () => undefined }));
const claim = (keys: string[], leaseMs = 10_000) => clone.database.query<Lease>(CLAIM_LEASES, [keys, leaseMs]);
const store = () => new Store(clone.database, 'acme', () => {});

function start(options: Partial<NormaliserOptions> = {}, batch = batchOn()): Normaliser {
  const normaliser = new Normaliser(clone.database, batch, new Metrics(), options);
  running.push(normaliser);
  normaliser.start();
  return normaliser;
}

function customer(record: number | string, version: number, change: Partial<RawEvent> = {}): RawEvent {
  return {
    sourceEventId: `${record} ${version}`,
    type: 'customer.updated',
    entity: 'customer',
    recordId: String(record),
    data: `{"id":"${record}","name":"version ${version}","kind":"COMPANY","status":"ACTIVE"}`,
    fingerprint: '00',
    ...change,
  };
}

/** Versions of each key in the order of the outbox. */
async function outbox(): Promise<Record<string, number[]>> {
  const rows = await clone.database.query<{ key: string; versions: number[] }>(
    `select key, array_agg((headers ->> 'ce_aggregateversion')::int order by id) as versions from outbox group by key`,
  );
  return Object.fromEntries(rows.map(({ key, versions }) => [key, versions]));
}

const waiting = async (): Promise<number> => {
  const [row] = await clone.database.query<{ count: number }>(
    `select count(*)::int as count from captured where status = 'waiting'`,
  );
  return row!.count;
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

describe('the normaliser', () => {
  it('writes nothing with a token that was taken over', async () => {
    await store().keep(crm, [customer('a', 1), customer('b', 1)]);
    const [a, b] = ['acme:customer:a', 'acme:customer:b'] as const;
    const stale = await claim([a, b], 0);
    await eventually(
      async () => claim([a]),
      (leases) => leases.length === 1,
    );
    const result = await batchOn().run(stale);
    expect(result.lost).toEqual([a]);
    expect(await outbox()).toEqual({ [b]: [1] });
    expect(await waiting()).toBe(1);
  });

  it('frozen in the middle of its work, it comes back and writes nothing twice', async () => {
    await store().keep(
      crm,
      upTo(3).map((version) => customer('a', version)),
    );
    let thaw: (id: number) => void = () => {};
    const frozen = new Promise<number>((resolve) => (thaw = resolve));
    const slow = batchOn({ ...fileRegistry(schemas), idOf: () => frozen });
    const work = slow.run(await claim(['acme:customer:a'], 0));
    start({ pollMs: 10 });
    await eventually(waiting, (count) => count === 0);
    thaw(await fileRegistry(schemas).idOf('canonical/customer'));
    expect((await work).lost).toEqual(['acme:customer:a']);
    expect(await outbox()).toEqual({ 'acme:customer:a': [1, 2, 3] });
  });

  it('sets aside what needs a schema that the registry refuses, asks once, and goes on with the rest of the batch', async () => {
    await store().keep(crm, [
      customer('a', 1),
      customer('b', 1),
      customer('c', 1, { entity: 'order', type: 'order.won' }),
    ]);
    let asked = 0;
    const files = fileRegistry(schemas);
    const refuse = async (): Promise<never> => {
      asked++;
      throw new CrossdockError('CROSSDOCK_SCHEMA_REGISTRY', 'the registry does not take it');
    };
    const registry = {
      ...files,
      byId: files.byId.bind(files),
      idOf: (name: string) => (name === 'canonical/customer' ? refuse() : files.idOf(name)),
    };
    const keys = ['acme:customer:a', 'acme:customer:b', 'acme:order:c'];
    const result = await batchOn(registry).run(await claim(keys));
    expect(result.rejected.map(({ key }) => key)).toEqual(keys); // the third is no order
    expect(asked).toBe(1);
    const rows = await clone.database.query('select key, code, reason from captured order by key');
    expect(rows).toMatchObject([
      { code: 'CROSSDOCK_CAPTURE_REGISTRY', reason: expect.stringContaining('does not take canonical/customer') },
      { code: 'CROSSDOCK_CAPTURE_REGISTRY' },
      { code: 'CROSSDOCK_CAPTURE_SCHEMA' },
    ]);
  });

  it('finds what a process left behind that died with its leases', async () => {
    await store().keep(crm, [customer('a', 1)]);
    await claim(['acme:customer:a'], 300);
    start({ pollMs: 10 });
    await eventually(outbox, (keys) => keys['acme:customer:a']?.length === 1);
  });

  it('looks for what others left behind also while its own requests never let it rest', async () => {
    const normaliser = start({ pollMs: 10, batch: 2, workers: 1 });
    const busy = upTo(50).map((record) => `acme:customer:busy-${record}`);
    normaliser.wake(busy);
    const waking = setInterval(() => normaliser.wake(busy), 1);
    try {
      await store().keep(crm, [customer('orphan', 1)]);
      await eventually(waiting, (count) => count === 0);
    } finally {
      clearInterval(waking);
    }
  });

  it('shared by three processes, gives every event once and every record in its order', async () => {
    const records = upTo(60);
    const normalisers = upTo(3).map(() => start({ pollMs: 5, batch: 7 }));
    const kept = new Store(clone.database, 'acme', (keys) => normalisers[0]!.wake(keys));
    for (const version of upTo(10)) {
      const events = records.map((record) => customer(record, version));
      await Promise.all([kept.keep(crm, events.slice(0, 30)), kept.keep(crm, events.slice(30))]);
    }
    await eventually(waiting, (count) => count === 0);
    const keys = await outbox();
    expect(Object.keys(keys)).toHaveLength(60);
    for (const versions of Object.values(keys)) expect(versions).toEqual(upTo(10));
    await eventually(
      async () => clone.database.query('select key from normalise_lease'),
      (leases) => leases.length === 0,
    );
  });

  it('takes a record with more rows than one batch holds to its end, and others meanwhile', async () => {
    await store().keep(crm, [...upTo(120).map((version) => customer('many', version)), customer('one', 1)]);
    start({ pollMs: 10 });
    await eventually(waiting, (count) => count === 0);
    expect(await outbox()).toEqual({ 'acme:customer:many': upTo(120), 'acme:customer:one': [1] });
  });

  it('takes no more payload into one batch than memory should hold, and comes to the end of it all the same', async () => {
    const large = (record: string, version: number): RawEvent =>
      customer(record, version, {
        data: `{"id":"${record}","name":"${'x'.repeat(1_000_000)}","kind":"COMPANY","status":"ACTIVE"}`,
      });
    const keys = upTo(4).map((record) => `acme:customer:large-${record}`);
    await store().keep(
      crm,
      upTo(4).flatMap((record) => upTo(5).map((version) => large(`large-${record}`, version))),
    );
    const { published, unfinished } = await batchOn().run(await claim(keys));
    expect(published).toHaveLength(9);
    expect(unfinished.toSorted()).toEqual(keys.slice(1));
    start({ pollMs: 60_000 }).wake(unfinished);
    await eventually(waiting, (count) => count === 0);
    expect(await outbox()).toEqual(Object.fromEntries(keys.map((key) => [key, upTo(5)])));
  });

  it('waits for a registry that is away and goes on by itself', async () => {
    await store().keep(crm, [customer('a', 1)]);
    let asked = 0;
    const real = fileRegistry(schemas);
    start(
      { pollMs: 10 },
      batchOn({
        ...real,
        idOf: async (name) => {
          if (++asked > 2) return real.idOf(name);
          throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
        },
      }),
    );
    await eventually(outbox, (keys) => keys['acme:customer:a']?.length === 1);
    expect(asked).toBe(3);
  });

  it('sets aside by itself the one row that cannot be appended', async () => {
    await store().keep(
      crm,
      upTo(6).map((record) => customer(record, 1)),
    );
    await clone.database.query(`
      create function refuse() returns trigger language plpgsql as $$
      begin if new.aggregateid = '4' then raise exception 'no'; end if; return new; end $$;
      create trigger refuse before insert on outbox for each row execute function refuse()`);
    try {
      start({ pollMs: 10 });
      await eventually(waiting, (count) => count === 0);
      expect(Object.keys(await outbox())).toHaveLength(5);
      expect(await clone.database.query(`select record_id, code from captured where status = 'rejected'`)).toEqual([
        { record_id: '4', code: 'CROSSDOCK_CAPTURE_FAULT' },
      ]);
    } finally {
      await clone.database.query('drop trigger refuse on outbox; drop function refuse');
    }
  });

  it('leaves rows of a connection that it does not know to a process that does', async () => {
    const other = { ...crm, name: 'newer', idPrefix: 'n-' };
    await store().keep(other, [customer('a', 1)]);
    await store().keep(crm, [customer('a', 1)]);
    start({ pollMs: 5 }).wake(['acme:customer:n-a']);
    await eventually(outbox, (keys) => keys['acme:customer:a']?.length === 1);
    await eventually(
      async () => clone.database.query('select 1 from normalise_lease'),
      (rows) => rows.length === 0,
    );
    expect(await waiting()).toBe(1);
  });

  it('gives an event to the outbox within milliseconds of its answer', async () => {
    const normaliser = start({ pollMs: 60_000 });
    const kept = new Store(clone.database, 'acme', (keys) => normaliser.wake(keys));
    const took: number[] = [];
    for (const record of upTo(40)) {
      const started = performance.now();
      await kept.keep(crm, [customer(record, 1)]);
      const answered = performance.now();
      while ((await waiting()) > 0) await new Promise((resolve) => setImmediate(resolve));
      took.push(performance.now() - Math.max(started, answered));
    }
    const median = took.sort((a, b) => a - b)[20]!;
    process.stdout.write(`answer to outbox, median: ${median.toFixed(1)} ms\n`);
    expect(median).toBeLessThan(250);
  });
});
