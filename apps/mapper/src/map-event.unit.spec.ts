import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { documentId, envelopeToHeaders, headersToDocument, headersToEnvelope } from '#contracts';
import type { Envelope, Flow, LogRecord } from '#contracts';
import { loadMappings } from '#mapping';
import type { Bundle } from '#mapping';
import { packageRoot } from '#platform';
import { loadSchemas, parseExactJson, unframe } from '#schema';
import type { SchemaSet } from '#schema';
import { mapEvent, mapperFlows } from './map-event.ts';
import type { MapperEvent, MapperTable } from './map-event.ts';

const FLOWS: Flow[] = [
  { name: 'customers', entity: 'customer', from: ['crm'], to: 'main-erp', mapping: 'customer-to-erp' },
  {
    name: 'orders',
    entity: 'order',
    from: ['crm', 'shop'],
    to: 'main-erp',
    mapping: 'order-to-erp',
    value: { amount: 'total.amount', currency: 'total.currency' },
  },
  { name: 'order-postings', entity: 'order', from: ['crm'], to: 'ledger', mapping: 'order-to-journal' },
  {
    name: 'order-numbers',
    entity: 'sync-result',
    from: ['crm'],
    of: ['orders'],
    to: 'crm-api',
    mapping: 'result-to-opportunity',
  },
];
const ORDER = {
  id: 'O-1',
  customerId: 'C-1',
  stage: 'WON',
  closedAt: '2026-11-20T23:30:00Z',
  currency: 'EUR',
  lines: [{ id: '1', lineNo: 1, sku: 'A', quantity: '2', unitPrice: '10.50', amount: '21' }],
  total: { amount: '21', currency: 'EUR' },
};
const SCHEMA_IDS: Record<string, number> = {
  'erp/customer': 11,
  'erp/sales-order': 12,
  'finance/journal-entry': 13,
  'sandbox-crm/sync-status': 14,
};

describe('an event and what the mapper makes of it', () => {
  let schemas: SchemaSet;
  let table: MapperTable;
  beforeAll(() => {
    const roots = [join(packageRoot(), 'schemas')];
    schemas = loadSchemas({ roots });
    const flows = FLOWS.map(({ name, entity, to, mapping }) => ({ flow: name, entity, connection: to, mapping }));
    const bundle = loadMappings({ roots, schemas, flows });
    const zone = (connection: string): string => (connection === 'crm' ? 'Europe/Berlin' : 'UTC');
    table = { bundle, flows: mapperFlows(FLOWS, bundle, (schema) => SCHEMA_IDS[schema]!), zone };
  });

  const event = (entity: string, data: object, more: Partial<Envelope> = {}): MapperEvent => {
    const json = parseExactJson(JSON.stringify(data));
    const read = schemas.canonical(entity)!.fromJson(json, { zone: 'UTC', idPrefix: '' });
    if (!read.ok) throw new Error(read.message);
    const id = String(read.record['id']);
    const envelope: Envelope = {
      id: '11111111-1111-5111-8111-111111111111',
      source: 'crm',
      type: `crm.${entity}.updated`,
      subject: id,
      time: '2026-11-21T00:00:00.000Z',
      dataschema: `canonical/${entity}`,
      tenant: 'acme',
      partitionkey: `acme:${entity}:${id}`,
      aggregateversion: 7n,
      correlationid: 'c-1',
      hopcount: 0,
      ...more,
    };
    return {
      entity,
      envelope,
      record: read.record,
      stored: {
        topic: `crm.${entity}.v1`,
        partition: 3,
        offset: 41n,
        timestamp: new Date('2026-11-21T00:00:01Z'),
        headers: envelopeToHeaders(envelope),
        key: envelope.partitionkey,
      },
    };
  };
  const body = (record: LogRecord): unknown => JSON.parse(unframe(record.value!).body.toString());

  it('gives one document for each flow that wants it, framed with the id of its schema', () => {
    const records = mapEvent(event('order', ORDER), table);
    expect(records.map(({ topic, key }) => [topic, key])).toEqual([
      ['erp.main-erp.sales-order.v1', 'acme:order:O-1'],
      ['finance.ledger.journal-entry.v1', 'acme:order:O-1'],
    ]);
    expect(records.map((record) => unframe(record.value!).id)).toEqual([12, 13]);
    expect(body(records[0]!)).toMatchObject({ orderDate: '2026-11-21', total: '21.00', currency: '4' });
    expect(body(records[1]!)).toMatchObject({
      lines: [
        { account: '8400', credit: 21 },
        { account: '1400', debit: 21 },
      ],
    });
  });

  it('says in headers all that delivery needs besides the document', () => {
    const [record] = mapEvent(
      event('order', ORDER, { acceptedat: '2026-11-21T00:00:00.500Z', sourceversion: 5n }),
      table,
    );
    expect(headersToDocument(record!.headers)).toEqual({
      kind: 'document',
      flow: 'orders',
      connection: 'main-erp',
      document: 'salesOrder',
      documentId: documentId('11111111-1111-5111-8111-111111111111', 'orders', 'salesOrder'),
      bundle: table.bundle.hash,
      fanOut: 2,
      eventId: '11111111-1111-5111-8111-111111111111',
      eventType: 'crm.order.updated',
      source: 'crm',
      tenant: 'acme',
      entity: 'order',
      recordId: 'O-1',
      aggregateVersion: 7n,
      sourceVersion: 5n,
      correlationId: 'c-1',
      hopCount: 0,
      acceptedAt: '2026-11-21T00:00:00.500Z',
      open: [{ pointer: '/customer', reference: { document: 'customer', key: 'acme:customer:C-1' } }],
      createOnly: ['/channel'],
      amount: '21',
      currency: 'EUR',
      eventTopic: 'crm.order.v1',
      eventPartition: 3,
      eventOffset: 41n,
      eventLogTime: '2026-11-21T00:00:01.000Z',
    });
  });

  it('asks only the flows that take from the source', () => {
    const records = mapEvent(event('order', ORDER, { source: 'shop' }), table);
    expect(records.map(({ headers }) => [headers['cd_flow'], headers['cd_fanOut']])).toEqual([['orders', '1']]);
  });

  it('gives a marker without a value where there is no document, in the place where the document would be', () => {
    const cancelled = mapEvent(event('order', { ...ORDER, stage: 'CANCELLED' }), table);
    expect(cancelled.map(({ value }) => value)).toEqual([null, null]);
    expect(headersToDocument(cancelled[0]!.headers)).toMatchObject({
      kind: 'withdraw',
      reason: 'stage is CANCELLED, wanted WON',
      amount: '21',
    });
    const { closedAt: _closedAt, ...undated } = ORDER;
    const [refused] = mapEvent(event('order', undated), table);
    expect(refused).toMatchObject({ topic: 'erp.main-erp.sales-order.v1', value: null });
    expect(headersToDocument(refused!.headers)).toMatchObject({
      kind: 'rejected',
      reason: 'orderDate is missing: closedAt is absent',
    });
  });

  it('carries a review reason beside the document', () => {
    const [record] = mapEvent(event('order', { ...ORDER, total: { amount: '30', currency: 'EUR' } }), table);
    expect(record!.value).not.toBeNull();
    expect(headersToDocument(record!.headers).review).toContain('total differs by 9 from total.amount');
  });

  it('tells an event that no flow wants on the topic of unrouted events, with its own headers', () => {
    const records = mapEvent(
      event('product', { id: 'P-1', sku: 'A', name: 'Pump', unit: 'H87', status: 'ACTIVE' }),
      table,
    );
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ topic: 'sync.unrouted.v1', key: 'acme:product:P-1', value: null });
    expect(headersToEnvelope(records[0]!.headers).id).toBe('11111111-1111-5111-8111-111111111111');
    expect(records[0]!.headers).toMatchObject({
      cd_entity: 'product',
      cd_eventTopic: 'crm.product.v1',
      cd_eventOffset: '41',
    });
  });

  describe('a result', () => {
    const result = (more: Partial<Envelope> = {}): MapperEvent => {
      const given = parseExactJson(
        JSON.stringify({
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
        }),
      );
      const read = schemas.avro('envelope/sync-result')!.fromJson(given, { zone: 'UTC', idPrefix: '' });
      if (!read.ok) throw new Error(read.message);
      const one = event('order', ORDER, {
        type: 'sync.result.delivered',
        flow: 'orders',
        aggregateversion: 3n,
        hopcount: 2,
        ...more,
      });
      return { ...one, entity: 'sync-result', record: read.record };
    };

    it('becomes a document under the key of the record that it is about, with the hops it took', () => {
      const records = mapEvent(result(), table);
      expect(records).toMatchObject([
        { topic: 'sandbox-crm.crm-api.opportunity.v1', key: 'acme:order:O-1', headers: { cd_flow: 'order-numbers' } },
      ]);
      expect(headersToDocument(records[0]!.headers)).toMatchObject({
        entity: 'order',
        recordId: 'O-1',
        aggregateVersion: 3n,
        hopCount: 2,
        eventType: 'sync.result.delivered',
      });
      expect(body(records[0]!)).toEqual({ status: 'SYNCED', erpNumber: 'SO-9' });
    });

    it('gives nothing at all where no flow takes results of its source, or of its flow', () => {
      expect(mapEvent(result({ source: 'shop' }), table)).toEqual([]);
      expect(mapEvent(result({ flow: 'order-postings' }), table)).toEqual([]);
      expect(mapEvent(result({ flow: undefined }), table)).toEqual([]);
    });
  });

  it('gives a replay the document id of the original event', () => {
    const original = '22222222-2222-5222-8222-222222222222';
    const [record] = mapEvent(event('order', ORDER, { replayof: original }), table);
    expect(headersToDocument(record!.headers)).toMatchObject({
      documentId: documentId(original, 'orders', 'salesOrder'),
      replayOf: original,
    });
  });

  it('gives the same bytes for the same event', () => {
    expect(mapEvent(event('order', ORDER), table)).toEqual(mapEvent(event('order', ORDER), table));
  });

  it('refuses one event when a closure of a mapping fails by a bug, and says where, not what was in it', () => {
    const broken = event('order', ORDER);
    Object.defineProperty(broken.record, 'total', {
      get: () => {
        throw new Error('secret amount 21');
      },
    });
    const [record] = mapEvent(broken, { ...table, flows: table.flows.map((flow) => ({ ...flow, value: undefined })) });
    const headers = headersToDocument(record!.headers);
    expect(headers).toMatchObject({ kind: 'rejected', reason: 'MAPPING: the mapping order-to-erp failed at total' });
    expect(JSON.stringify(record!.headers)).not.toContain('secret');
  });

  it('keeps the bundle hash as long as the content is the same', () => {
    const roots = [join(packageRoot(), 'schemas')];
    const again: Bundle = loadMappings({ roots, schemas: loadSchemas({ roots }) });
    expect(again.hash).toBe(table.bundle.hash);
    expect(again.hash).toMatch(/^[0-9a-f]{64}$/);
  });
});
