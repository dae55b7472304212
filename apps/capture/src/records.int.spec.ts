import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from '#contracts';
import { packageRoot } from '#platform';
import { loadSchemas, unframe, type AvroRecord } from '#schema';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { captureApp, eventually, type Answered, type CaptureApp } from './testing/capture-app.ts';

interface Row {
  status: string;
  code: string | null;
  reason: string | null;
  aggregate_version: bigint;
  body: string;
  payload: Buffer | null;
  headers: Record<string, string> | null;
}

const schemas = loadSchemas({ roots: [`${packageRoot()}/schemas`] });
let clone: ClonedDatabase;
let app: CaptureApp;
beforeAll(async () => {
  clone = await clonedDatabase();
  app = await captureApp(clone.url);
});
afterAll(async () => {
  await app?.close();
  await clone?.close();
});

/** What became of an accepted request. */
async function settled({ body, status }: Answered): Promise<Row> {
  expect(status).toBe(202);
  const look = async (): Promise<Row> => {
    const [row] = await clone.database.query<Row>(
      `select captured.status, captured.code, captured.reason, aggregate_version, payload.body, outbox.payload, outbox.headers
       from captured join captured_payload as payload on payload.captured_id = captured.id
       left join outbox on outbox.id = captured.outbox_id where receipt_id = $1`,
      [body.receiptId],
    );
    return row!;
  };
  return eventually(look, (row) => row.status !== 'waiting');
}

async function published(answer: Answered): Promise<AvroRecord> {
  const row = await settled(answer);
  expect({ status: row.status, reason: row.reason }).toEqual({ status: 'published', reason: null });
  const entity = row.headers!['ce_dataschema']!.replace('canonical/', '');
  return schemas.canonical(entity)!.decode(unframe(row.payload!).body);
}

let last = 0;
const send = (type: string, data: string): Promise<Answered> => app.send(`{"type":"${type}","data":${data}}`);
const customer = (more = ''): string =>
  `{"id":"r-${++last}","name":"Acme","kind":"COMPANY","status":"ACTIVE"${more && ','}${more}}`;
const line = (more = ''): string =>
  `{"id":"1","lineNo":1,"sku":"A-100","quantity":"2","unitPrice":"10.00","amount":"20.00"${more && ','}${more}}`;
const order = (more = '', lines = `[${line()}]`): string =>
  `{"id":"o-${++last}","customerId":"nobody-yet","stage":"WON","currency":"EUR","lines":${lines},` +
  `"total":{"amount":"20.00","currency":"EUR"}${more && ','}${more}}`;

it('counts what it rejects and sends away from 0, so that the first one is seen as one more, and capture as running', async () => {
  const text = await (await fetch(`${app.metricsUrl}/metrics`)).text();
  expect(text).toMatch(/crossdock_capture_normalised_total\{connection="acme-crm",result="rejected"\} 0$/m);
  for (const reason of ['requests', 'bytes', 'backlog'])
    expect(text).toMatch(new RegExp(`crossdock_capture_shed_total\\{reason="${reason}"\\} 0$`, 'm'));
});

describe('what is authentic and cannot become an event is kept, rejected with its reason, and not sent', () => {
  it.each([
    ['an unknown entity', 'warehouse.moved', '{"id":"w-1"}', 'SCHEMA', /unknown entity/],
    ['a building block of the model as an entity', 'money.updated', '{"id":"m-1"}', 'SCHEMA', /unknown entity/],
    [
      'a missing required field',
      'customer.updated',
      '{"id":"x-1","kind":"COMPANY","status":"ACTIVE"}',
      'SCHEMA',
      /^name/,
    ],
    [
      'null in a required field',
      'customer.updated',
      customer('"legalName":null').replace('"Acme"', 'null'),
      'SCHEMA',
      /^name/,
    ],
    ['a wrong enum', 'customer.updated', customer().replace('ACTIVE', 'Active'), 'SCHEMA', /^status/],
    ['a wrong type', 'customer.updated', customer('"email":{"a":1}'), 'SCHEMA', /^email/],
    ['currency XXX', 'order.won', order().replaceAll('EUR', 'XXX'), 'SCHEMA', /ISO 4217/],
    ['currency in small letters', 'order.won', order().replaceAll('EUR', 'eur'), 'SCHEMA', /ISO 4217/],
    [
      '1e400 as an amount',
      'order.won',
      order('', `[${line().replace('"20.00"', '1e400')}]`),
      'DECIMAL',
      /^lines\[0\]\.amount/,
    ],
    ['1e400 as a version', 'customer.updated', customer('"version":1e400'), 'SCHEMA', /version/],
    ['a version over 64 bits', 'customer.updated', customer('"version":9223372036854775808'), 'SCHEMA', /version/],
    ['a version with a fraction', 'customer.updated', customer('"version":1.5'), 'SCHEMA', /version/],
    [
      'ten fraction digits',
      'order.won',
      order('', `[${line().replace('"10.00"', '0.0000000001')}]`),
      'DECIMAL',
      /unitPrice/,
    ],
    ['an escaped NUL in a text', 'customer.updated', customer('"legalName":"a\\u0000b"'), 'TEXT', /^legalName/],
    ['a lone surrogate in a text', 'customer.updated', customer('"legalName":"\\ud83d"'), 'TEXT', /^legalName/],
    ['NUL in the name of a field', 'customer.updated', customer('"custom":{"a\\u0000":"1"}'), 'TEXT', /custom/],
    [
      'a date that is none',
      'order.won',
      order('"requestedDeliveryDate":"2026-02-30"'),
      'SCHEMA',
      /requestedDeliveryDate/,
    ],
  ])('%s', async (_, type, data, code, reason) => {
    const row = await settled(await send(type, data));
    expect(row).toMatchObject({
      status: 'rejected',
      code: `CROSSDOCK_CAPTURE_${code}`,
      reason: expect.stringMatching(reason),
      body: data,
      payload: null,
    });
  });

  it('keeps its version and does not stop the next row of its record', async () => {
    const good = customer();
    const rows = [];
    for (const data of [good, good.replace('ACTIVE', 'BROKEN'), good.replace('Acme', 'Acme 3')])
      rows.push(await settled(await send('customer.updated', data)));
    expect(rows.map(({ status, aggregate_version }) => [status, aggregate_version])).toEqual([
      ['published', 1n],
      ['rejected', 2n],
      ['published', 3n],
    ]);
  });

  it('counts in the metrics that people watch', async () => {
    const text = await (await fetch(`${app.metricsUrl}/metrics`)).text();
    expect(text).toMatch(/crossdock_capture_normalised_total\{connection="acme-crm",result="rejected"\} [1-9]/);
    expect(text).toMatch(/crossdock_capture_requests_total\{connection="acme-crm",status="202"\} [1-9]/);
  });
});

describe('numbers keep every digit', () => {
  it('2^53+1 as an id and as a version', async () => {
    const answer = await send(
      'customer.updated',
      customer('"version":9007199254740993').replace(/"r-\d+"/, '9007199254740993'),
    );
    expect(await published(answer)).toMatchObject({ id: 'crm-9007199254740993', version: 9007199254740993n });
    expect((await settled(answer)).headers).toMatchObject({
      ce_subject: 'crm-9007199254740993',
      ce_sourceversion: '9007199254740993',
    });
  });

  it('ids of 19 digits that differ in the last are two records', async () => {
    const ids = ['1234567890123456788', '1234567890123456789'];
    for (const id of ids) {
      const record = await published(await send('customer.updated', customer().replace(/"r-\d+"/, id)));
      expect(record['id']).toBe(`crm-${id}`);
    }
  });

  it('"1.10", 1.10 and -0 are decimals by value, 0.1 and 0.2 are what they say', async () => {
    const lines = ['"1.10"', '1.10', '-0', '0.1', '1e2', '12345678901234567890123456789.123456789'];
    const record = await published(
      await send('order.updated', order('', `[${lines.map((amount) => line().replace('"20.00"', amount)).join(',')}]`)),
    );
    const amounts = (record['lines'] as AvroRecord[]).map(({ amount }) => (amount as Decimal).toFixed());
    expect(amounts).toEqual(['1.1', '1.1', '0', '0.1', '100', '12345678901234567890123456789.123456789']);
  });

  it('what was sent is kept character for character, with its spaces and escapes', async () => {
    const data = customer('"custom" : {"\\u0061": "\\u00e9\\/", "n": 1.10 , "e":1E5}\n');
    expect(await settled(await send('customer.updated', data))).toMatchObject({ status: 'published', body: data });
  });
});

describe('what is a matter for later is accepted', () => {
  it('a negative quantity: a return', async () => {
    const record = await published(await send('order.won', order('', `[${line().replace('"2"', '"-2"')}]`)));
    expect((record['lines'] as AvroRecord[])[0]!['quantity']).toEqual(new Decimal(-2));
  });

  it('lines that do not add up to the total', async () => {
    await published(
      await send('order.won', order().replace('"amount":"20.00","currency"', '"amount":"999.00","currency"')),
    );
  });

  it('an order before its customer; references carry the prefix too', async () => {
    expect(await published(await send('order.won', order()))).toMatchObject({ customerId: 'crm-nobody-yet' });
  });

  it('an update before its create, and the create later as the next version', async () => {
    const data = customer('"version":2');
    expect((await settled(await send('customer.updated', data))).headers).toMatchObject({
      ce_type: 'crm.customer.updated',
      ce_aggregateversion: '1',
    });
    expect((await settled(await send('crm.customer.created', data.replace(':2', ':1')))).headers).toMatchObject({
      ce_type: 'crm.customer.created',
      ce_aggregateversion: '2',
      ce_sourceversion: '1',
    });
  });

  it('an event without a version takes the last one known of its record', async () => {
    const data = customer();
    const versions = [];
    for (const version of ['"version":7', '"version":5', ''])
      versions.push(
        (await settled(await send('customer.updated', data.replace('}', `${version && ','}${version}}`)))).headers![
          'ce_sourceversion'
        ],
      );
    expect(versions).toEqual(['7', '5', '7']);
  });

  it('fields we do not know; an explicit null is told from an absent field', async () => {
    const record = await published(await send('customer.updated', customer('"colour":"blue","email":null')));
    expect(record).toMatchObject({ email: null, phone: null, cleared: ['email'] });
  });

  it('an event whose own write-back caused it inherits the hops', async () => {
    const data = customer();
    const key = `acme:customer:crm-r-${last}`;
    await published(await send('customer.updated', data));
    await clone.database.query('insert into own_write (key, hops) values ($1, 2)', [key]);
    expect((await settled(await send('customer.updated', data.replace('Acme', 'B')))).headers).toMatchObject({
      ce_hopcount: '2',
    });
    await clone.database.query('delete from own_write where key = $1', [key]);
    expect((await settled(await send('customer.updated', data.replace('Acme', 'C')))).headers).toMatchObject({
      ce_hopcount: '0',
    });
  });
});

it('in the end every captured row is published or rejected, and each published one is in the outbox once', async () => {
  const [sums] = await clone.database.query(`
    select count(*) filter (where status = 'waiting')::int as waiting,
      (count(*) - count(*) filter (where status = 'rejected') - (select count(*) from outbox))::int as difference,
      (select count(*) - count(distinct event_id) from outbox)::int as twice
    from captured`);
  expect(sums).toEqual({ waiting: 0, difference: 0, twice: 0 });
});
