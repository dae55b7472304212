import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crmTopic, deadLetterTopic, Decimal, envelopeToHeaders, headersToDocument, RESULT_TOPIC } from '#contracts';
import type { Envelope, EventLog, LogRecord, StoredRecord } from '#contracts';
import { openEventLog } from '#event-log';
import { boot, Health, Metrics, packageRoot, parseConfiguration, readEnvironment, type RunningApp } from '#platform';
import { fileRegistry, frame, loadSchemas, parseExactJson } from '#schema';
import { clonedDatabase, eventually } from '#testing';
import type { ClonedDatabase } from '#testing';
import { MapperModule } from './mapper.module.ts';

const CONFIGURATION = `
version: 1
tenant: acme
connections:
  crm: { connector: outbox, zone: Europe/Berlin }
  main-erp: { connector: rest, settings: {} }
  ledger: { connector: rest, settings: {} }
  crm-api: { connector: rest, settings: {} }
flows:
  customers: { on: crm.customer, from: [crm], to: main-erp, mapping: customer-to-erp }
  orders:
    on: crm.order
    from: [crm]
    to: main-erp
    mapping: order-to-erp
    value: { amount: total.amount, currency: total.currency }
  order-postings: { on: crm.order, from: [crm], to: ledger, mapping: order-to-journal }
  order-numbers: { on: sync.result, from: [crm], of: [orders], to: crm-api, mapping: result-to-opportunity }
`;
const roots = [join(packageRoot(), 'schemas')];
const schemas = loadSchemas({ roots });
const registry = fileRegistry(schemas);

describe('the mapper, between the topics of events and those of documents', () => {
  let postgres: ClonedDatabase;
  let log: EventLog;
  let running: RunningApp;
  const found: StoredRecord[] = [];
  const metrics = new Metrics();

  beforeAll(async () => {
    postgres = await clonedDatabase();
    const environment = readEnvironment({
      DATABASE_URL: postgres.url,
      CROSSDOCK_METRICS_PORT: '0',
      CROSSDOCK_LOG_LEVEL: 'silent',
    });
    const sources = { home: '/', data: '/', variable: () => undefined };
    const configuration = parseConfiguration('crossdock.yaml', CONFIGURATION, sources);
    const runtime = { environment, configuration, schemaRoots: roots, metrics, health: new Health() };
    running = await boot({ module: MapperModule, runtime });
    log = await openEventLog({ database: postgres.database });
    await log.subscribe({
      group: 'reader',
      topics: [
        'erp.main-erp.customer.v1',
        'erp.main-erp.sales-order.v1',
        'finance.ledger.journal-entry.v1',
        'sync.unrouted.v1',
        'sandbox-crm.crm-api.opportunity.v1',
        deadLetterTopic(crmTopic('order')),
        deadLetterTopic(crmTopic('product')),
        deadLetterTopic(RESULT_TOPIC),
      ],
      handle: async ({ records }) => void found.push(...records),
    });
  });
  afterAll(async () => {
    await running?.close();
    await log?.close();
    await postgres?.close();
  });

  const record = (entity: string, id: string, version: bigint, data: object): LogRecord => {
    const schema = schemas.canonical(entity)!;
    const read = schema.fromJson(parseExactJson(JSON.stringify({ id, ...data })), { zone: 'UTC', idPrefix: '' });
    if (!read.ok) throw new Error(read.message);
    const envelope: Envelope = {
      id: `00000000-0000-5000-8000-${String(version).padStart(12, '0')}`,
      source: 'crm',
      type: `crm.${entity}.updated`,
      subject: id,
      time: '2026-11-21T00:00:00.000Z',
      dataschema: schema.name,
      tenant: 'acme',
      partitionkey: `acme:${entity}:${id}`,
      aggregateversion: version,
      correlationid: 'c',
      hopcount: 0,
    };
    const value = frame(registry.idOfNow(schema.name), schema.encode(read.record));
    return { topic: crmTopic(entity), key: envelope.partitionkey, value, headers: envelopeToHeaders(envelope) };
  };
  const order = (version: bigint, more: object = {}): LogRecord =>
    record('order', 'O-1', version, {
      customerId: 'C-1',
      stage: 'WON',
      closedAt: '2026-11-20T12:00:00Z',
      currency: 'EUR',
      lines: [{ id: '1', lineNo: 1, sku: 'A', quantity: '1', unitPrice: '10', amount: '10' }],
      total: { amount: '10', currency: 'EUR' },
      ...more,
    });
  const on = (topic: string): StoredRecord[] => found.filter((one) => one.topic === topic);

  it('maps what it can, in order, and sets broken bytes aside with their reason', async () => {
    const broken = { ...order(2n), value: Buffer.from('no frame at all') };
    const unknown = { ...order(3n), value: frame(999_999_999, Buffer.from([0])) };
    const customer = record('customer', 'C-1', 5n, { kind: 'COMPANY', name: 'Acme', status: 'ACTIVE' });
    const product = record('product', 'P-1', 6n, { sku: 'A', name: 'Pump', unit: 'H87', status: 'ACTIVE' });
    await log.append([order(1n), broken, unknown, order(4n, { stage: 'CANCELLED' }), customer, product]);
    await eventually(
      () => found.length >= 8,
      () => `8 records, there are ${found.map((one) => one.topic).join(', ')}`,
    );
    const kinds = on('erp.main-erp.sales-order.v1').map(({ headers }) => {
      const { kind, aggregateVersion } = headersToDocument(headers);
      return `${kind} ${aggregateVersion}`;
    });
    expect(kinds).toEqual(['document 1', 'withdraw 4']);
    expect(on('finance.ledger.journal-entry.v1').map(({ value }) => value === null)).toEqual([false, true]);
    expect(on('erp.main-erp.customer.v1')).toHaveLength(1);
    expect(on('sync.unrouted.v1').map(({ key, value }) => [key, value])).toEqual([['acme:product:P-1', null]]);
    const dead = on('crm.order.v1.dead-letter');
    expect(dead.map(({ headers }) => headers['dl_reason'])).toEqual([
      expect.stringContaining('zero byte'),
      'the registry knows no schema 999999999',
    ]);
    expect(dead[0]!.headers).toMatchObject({ dl_stage: 'mapper', ce_id: expect.any(String) });
    expect(dead[0]!.value!.toString()).toBe('no frame at all');
    const text = await metrics.text();
    expect(text).toContain('crossdock_mapper_records_total{flow="orders",kind="withdraw"} 1');
    expect(text).toContain('crossdock_dead_letters_total{stage="mapper"} 2');
    expect(text).toMatch(/crossdock_log_consumer_lag\{group="mapper",topic="crm.order.v1"\} \d/);
  });

  it('refuses a document that is too large for its topic, and carries on with the next', async () => {
    const before = on('erp.main-erp.sales-order.v1').length;
    const line = { sku: 'A', quantity: '1', unitPrice: '10', amount: '10', description: 'x'.repeat(20) };
    const lines = Array.from({ length: 25_000 }, (_, index) => ({ ...line, id: String(index), lineNo: index }));
    const total = { amount: '250000', currency: 'EUR' };
    await log.append([order(7n, { lines, total })]);
    await log.append([order(8n)]);
    await eventually(() => on('erp.main-erp.sales-order.v1').length >= before + 2, 'the order after the large one');
    const [large, next] = on('erp.main-erp.sales-order.v1').slice(before);
    expect(large!.value).toBeNull();
    expect(headersToDocument(large!.headers)).toMatchObject({
      kind: 'rejected',
      reason: 'TOO_LARGE: the document is larger than its topic takes',
      open: [],
      amount: '250000',
    });
    expect(headersToDocument(next!.headers)).toMatchObject({ kind: 'document', aggregateVersion: 8n });
  });

  it('says so where a text cannot be kept by the log, and carries on with the next', async () => {
    const before = on('erp.main-erp.sales-order.v1').length;
    const good = order(9n, { currency: 'SEK', total: { amount: '10', currency: 'SEK' } });
    const value = Buffer.from(good.value!.toString('latin1').replaceAll('SEK', 'S\0K'), 'latin1');
    await log.append([{ ...good, value }]); // as others may encode it: Avro does not mind
    await log.append([order(10n)]);
    await eventually(() => on('erp.main-erp.sales-order.v1').length >= before + 2, 'the order after the bad one');
    const [bad, next] = on('erp.main-erp.sales-order.v1').slice(before);
    expect(bad!.value).toBeNull();
    expect(headersToDocument(bad!.headers)).toMatchObject({
      kind: 'rejected',
      reason: 'MAPPING: a text that it gave holds NUL or a lone surrogate',
      currency: 'S\uFFFDK',
    });
    expect(headersToDocument(next!.headers)).toMatchObject({ kind: 'document', aggregateVersion: 10n });
  });

  describe('a record of others that no marker could stand for', () => {
    const with_ = (given: LogRecord, headers: Record<string, string>): LogRecord => ({
      ...given,
      headers: { ...given.headers, ...headers },
    });
    const lastOrder = () => on('erp.main-erp.sales-order.v1').at(-1)?.headers['cd_aggregateVersion'];
    const dead = (topic: string): string[] => on(deadLetterTopic(topic)).map(({ headers }) => headers['dl_reason']!);

    it('is a dead letter when its envelope is as large as its topic takes, wanted or not, and the next is mapped', async () => {
      const [before, unrouted] = [dead(crmTopic('order')).length, on('sync.unrouted.v1').length];
      const large = 'x'.repeat(1_100_000);
      const product = (version: bigint): LogRecord =>
        record('product', 'P-2', version, { sku: 'A', name: 'Pump', unit: 'H87', status: 'ACTIVE' });
      await log.append([with_(product(20n), { ce_subject: large }), product(21n)]);
      await log.append([with_(order(20n), { ce_correlationid: large + large.slice(0, 980_000) }), order(21n)]);
      await eventually(
        () =>
          on('sync.unrouted.v1').length > unrouted && lastOrder() === '21' && dead(crmTopic('order')).length > before,
        () => `those after the large ones, not ${found.map((one) => one.topic).join(', ')}`,
      );
      const reason = /^its key and envelope take \d{7} bytes, more than 65536$/;
      await eventually(() => dead(crmTopic('product')).length > 0, 'the dead letter of the product');
      expect(dead(crmTopic('product'))).toEqual([expect.stringMatching(reason)]);
      expect(dead(crmTopic('order')).slice(before)).toEqual([expect.stringMatching(reason)]);
    });

    it('is a dead letter when the log refuses the marker too', async () => {
      const before = dead(crmTopic('order')).length;
      const schema = schemas.canonical('order')!;
      const currency = '\0'.repeat(800_000); // each of them takes three bytes where it is made readable
      const good = order(22n);
      const decoded = schema.decode(good.value!.subarray(5));
      const bad = { ...decoded, total: { amount: new Decimal(10), currency } };
      await log.append([{ ...good, value: frame(registry.idOfNow(schema.name), schema.encode(bad)) }, order(23n)]);
      await eventually(
        () => lastOrder() === '23' && dead(crmTopic('order')).length > before,
        'the order after the one with a large currency',
      );
      expect(dead(crmTopic('order')).slice(before)).toEqual([
        'the log takes neither its document nor a marker that says so: too large',
      ]);
      expect(
        on('erp.main-erp.sales-order.v1').filter(({ headers }) => headers['cd_aggregateVersion'] === '22'),
      ).toEqual([]);
    });

    it('is a dead letter when it is a result of no record, and the next result is written back', async () => {
      const schema = schemas.avro('envelope/sync-result')!;
      const data = {
        tenant: 'acme',
        flow: 'orders',
        target: 'main-erp',
        document: 'salesOrder',
        documentId: 'd',
        key: 'acme:order:O-1',
        entity: 'order',
        recordId: 'O-1',
        source: 'crm',
        eventId: 'e',
        aggregateVersion: '7',
        resultVersion: '3',
        status: 'DELIVERED',
        targetId: 'SO-9',
        finishedAt: '2026-11-21T00:00:02Z',
      };
      const read = schema.fromJson(parseExactJson(JSON.stringify(data)), { zone: 'UTC', idPrefix: '' });
      if (!read.ok) throw new Error(read.message);
      const value = frame(registry.idOfNow(schema.name), schema.encode(read.record));
      const result = with_({ ...order(24n), topic: RESULT_TOPIC, value }, { ce_flow: 'orders' });
      await log.append([with_(result, { ce_partitionkey: 'of-nobody' }), result]);
      await eventually(
        () => on('sandbox-crm.crm-api.opportunity.v1').length > 0 && dead(RESULT_TOPIC).length > 0,
        'what is written back of the result after the bad one',
      );
      expect(dead(RESULT_TOPIC)).toEqual(['not a record key: "of-nobody"']);
    });
  });
});
