import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CloudEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { Webhook } from 'standardwebhooks';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import {
  captureApp,
  counts,
  CRM_SECRET,
  eventually,
  EVENTS_SECRET,
  OLD_SECRET,
  sign,
  type Answered,
  type CaptureApp,
} from './testing/capture-app.ts';

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

let last = 0;
const customer = (more: object = {}) => ({
  type: 'customer.updated',
  timestamp: '2026-11-20T10:00:00Z',
  data: { id: `c-${++last}`, name: 'Acme', kind: 'COMPANY', status: 'ACTIVE', ...more },
});
const json = { 'content-type': 'application/json' };

/** Nothing was kept of it, so nothing can be sent of it. */
async function expectNothing(ask: () => Promise<Answered>, status: number, code: string): Promise<Answered> {
  const before = await counts(clone.database);
  const answer = await ask();
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  expect(answer.type).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({ type: 'about:blank', title: expect.any(String), status });
  const { outbox: _, ...after } = await counts(clone.database);
  expect(before).toMatchObject(after);
  return answer;
}

describe('a request over 1 MiB', () => {
  const big = JSON.stringify(customer({ note: 'x'.repeat(1024 * 1024) }));

  it('is refused with 413 by its declared length, before it is read', () =>
    expectNothing(() => app.send(big), 413, 'CROSSDOCK_CAPTURE_TOO_LARGE'));

  it('is refused with 413 when it comes in chunks without a length', () =>
    expectNothing(
      async () => {
        const answer = await fetch(`${app.url}/hooks/acme-crm`, {
          method: 'POST',
          body: new Blob([big]).stream(),
          duplex: 'half',
          headers: { ...json, ...sign('big', new Date(), big) },
        } as RequestInit);
        return {
          status: answer.status,
          headers: answer.headers,
          type: answer.headers.get('content-type')!,
          body: (await answer.json()) as Answered['body'],
        };
      },
      413,
      'CROSSDOCK_CAPTURE_TOO_LARGE',
    ));

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ] as const)('is refused with 413 when %s makes it so large: a bomb of zeros', (encoding, compress) =>
    expectNothing(
      () => app.post('acme-crm', compress(Buffer.alloc(50 * 1024 * 1024)), { ...json, 'content-encoding': encoding }),
      413,
      'CROSSDOCK_CAPTURE_TOO_LARGE',
    ),
  );

  it('is taken at exactly 1 MiB', async () => {
    const empty = JSON.stringify(customer({ note: '' }));
    const full = empty.replace('"note":""', `"note":"${'x'.repeat(1024 * 1024 - empty.length)}"`);
    expect(full.length).toBe(1024 * 1024);
    expect((await app.send(full)).status).toBe(202);
  });
});

describe('a request whose sender is not proved', () => {
  it('is refused with 404 when the connection does not exist', () =>
    expectNothing(() => app.post('nobody', '{}', json), 404, 'CROSSDOCK_CAPTURE_UNKNOWN_CONNECTION'));

  it('is refused with 404 when the connection appends by library', () =>
    expectNothing(() => app.post('service', '{}', json), 404, 'CROSSDOCK_CAPTURE_UNKNOWN_CONNECTION'));

  it('is refused with 401 without a signature', () =>
    expectNothing(() => app.post('acme-crm', '{}', json), 401, 'CROSSDOCK_CAPTURE_SIGNATURE_MISSING'));

  it('is refused with 401 with a bad signature, whatever else is wrong with it', () =>
    expectNothing(
      () =>
        app.post('acme-crm', '{"broken', {
          'content-type': 'text/plain',
          'content-encoding': 'snappy',
          ...sign('x', new Date(), 'another body'),
        }),
      401,
      'CROSSDOCK_CAPTURE_SIGNATURE',
    ));

  it('is refused with 401 when its signature is of other bytes with the same meaning', () => {
    const body = JSON.stringify(customer());
    return expectNothing(
      () =>
        app.post('acme-crm', JSON.stringify(JSON.parse(body), null, 1), { ...json, ...sign('y', new Date(), body) }),
      401,
      'CROSSDOCK_CAPTURE_SIGNATURE',
    );
  });

  it('is refused with 401 when its signature is stale', () =>
    expectNothing(() => app.send(customer(), { at: new Date(Date.now() - 302_000) }), 401, 'CROSSDOCK_CAPTURE_STALE'));

  it('is refused with 401 when its signature is from the future', () =>
    expectNothing(() => app.send(customer(), { at: new Date(Date.now() + 302_000) }), 401, 'CROSSDOCK_CAPTURE_FUTURE'));

  it('is refused with 401 when it comes through a proxy to a connection that is for this machine only', () =>
    expectNothing(
      () => app.post('acme-open', JSON.stringify(customer()), { ...json, 'x-forwarded-for': '203.0.113.9' }),
      401,
      'CROSSDOCK_CAPTURE_NOT_LOOPBACK',
    ));

  it('is taken with the older secret during a rotation', async () => {
    expect((await app.send(customer(), { secret: OLD_SECRET })).status).toBe(202);
  });
});

describe('a request that cannot be split', () => {
  const raw = (body: string | Buffer, headers: Record<string, string> = json) =>
    app.post('acme-crm', body, { ...sign(`raw-${++last}`, new Date(), body), ...headers });

  it.each([
    ['text/plain', 'text/plain'],
    ['no type', ''],
    ['another charset', 'application/json; charset=iso-8859-1'],
    ['a form', 'application/x-www-form-urlencoded'],
  ])('is refused with 415: %s', (_, type) =>
    expectNothing(
      () => raw(JSON.stringify(customer()), { 'content-type': type }),
      415,
      'CROSSDOCK_CAPTURE_CONTENT_TYPE',
    ),
  );

  it('is refused with 415 in an encoding we do not know', () =>
    expectNothing(
      () => raw(JSON.stringify(customer()), { ...json, 'content-encoding': 'zstd' }),
      415,
      'CROSSDOCK_CAPTURE_CONTENT_ENCODING',
    ));

  it.each([
    ['truncated JSON', JSON.stringify(customer()).slice(0, -9), 'JSON'],
    ['an empty body', '', 'JSON'],
    ['something behind it', '{} {}', 'JSON'],
    ['a comma too much', '{"type":"customer.updated",}', 'JSON'],
    ['a bare NUL byte', '{"type":"a\0b"}', 'JSON'],
    ['NaN', '{"type":NaN}', 'JSON'],
    ['nested too deeply', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'JSON'],
    ['duplicate keys', '{"type":"customer.updated","type":"customer.created","data":{"id":"1"}}', 'DUPLICATE_KEY'],
    ['duplicate keys in the record', '{"type":"customer.updated","data":{"id":"1","id":"2"}}', 'DUPLICATE_KEY'],
    ['a key twice by its escape', '{"type":"customer.updated","data":{"id":"1","\\u0069d":"2"}}', 'DUPLICATE_KEY'],
    ['__proto__', '{"type":"customer.updated","data":{"id":"1","__proto__":{"admin":true}}}', 'PROTO_KEY'],
    ['a list', '[]', 'BODY'],
    ['a text', '"customer.updated"', 'BODY'],
  ])('is refused with 400: %s', (_, body, code) => expectNothing(() => raw(body), 400, `CROSSDOCK_CAPTURE_${code}`));

  it('is refused with 400: bytes that are not UTF-8', () =>
    expectNothing(() => raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 400, 'CROSSDOCK_CAPTURE_JSON'));

  it.each([
    ['no type', { type: undefined }, 'TYPE'],
    ['a type that is a number', { type: 7 }, 'TYPE'],
    ['NUL in the type', { type: 'customer\0.updated' }, 'TYPE'],
    ['no data', { data: undefined }, 'DATA'],
    ['data that is a list', { data: [] }, 'DATA'],
    ['data that is null', { data: null }, 'DATA'],
    ['no record id', { data: { name: 'Acme' } }, 'RECORD_ID'],
    ['an empty record id', { data: { id: '' } }, 'RECORD_ID'],
    ['a record id that is an object', { data: { id: {} } }, 'RECORD_ID'],
    ['a record id with a fraction', { data: { id: 1.5 } }, 'RECORD_ID'],
    ['NUL in the record id', { data: { id: 'a\0b' } }, 'RECORD_ID'],
    ['a lone surrogate in the record id', { data: { id: 'a\ud800' } }, 'RECORD_ID'],
    ['a record id of a kilobyte', { data: { id: 'x'.repeat(1024) } }, 'RECORD_ID'],
  ])('is refused with 400: %s', async (_, change, code) => {
    const answer = await expectNothing(
      () => app.send(JSON.stringify({ ...customer(), ...change })),
      400,
      `CROSSDOCK_CAPTURE_${code}`,
    );
    expect(answer.body.items).toEqual([
      { result: 'refused', code: `CROSSDOCK_CAPTURE_${code}`, detail: expect.any(String) },
    ]);
  });

  it('is refused with 400 without an event id', () =>
    expectNothing(() => app.post('acme-open', JSON.stringify(customer()), json), 400, 'CROSSDOCK_CAPTURE_EVENT_ID'));

  it('is refused with 400: gzip that is none', () =>
    expectNothing(
      () => raw(JSON.stringify(customer()), { ...json, 'content-encoding': 'gzip' }),
      400,
      'CROSSDOCK_CAPTURE_CONTENT_ENCODING',
    ));
});

describe('a repeated event', () => {
  it('is answered 200 with the receipt it had, and nothing is kept twice', async () => {
    const body = customer();
    const first = await app.send(body, { id: 'twice' });
    const before = await counts(clone.database);
    const again = await app.send(body, { id: 'twice', at: new Date(Date.now() + 60_000) });
    expect(first.status).toBe(202);
    expect(again.status).toBe(200);
    expect(again.body).toEqual({
      receiptId: first.body.receiptId,
      items: [{ ...first.body.items[0], result: 'duplicate' }],
    });
    expect(await counts(clone.database)).toMatchObject({ captured: before['captured'], keys: before['keys'] });
  });

  it('is the same when its sender serialises and stamps it anew', async () => {
    const { type, data } = customer();
    await app.send({ type, timestamp: '2026-11-20T10:00:00Z', attempt: 1, data }, { id: 'restamped' });
    const keys = Object.fromEntries(Object.entries(data).reverse());
    const again = await app.send(
      { attempt: 2, data: keys, timestamp: '2026-11-20T11:00:00Z', type },
      { id: 'restamped' },
    );
    expect(again.status).toBe(200);
  });

  it('of which 50 copies come at once is taken once, and all say the same receipt', async () => {
    const body = customer();
    const before = await counts(clone.database);
    const answers = await Promise.all(Array.from({ length: 50 }, () => app.send(body, { id: 'fifty' })));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(49);
    expect(new Set(answers.map(({ body }) => body.receiptId)).size).toBe(1);
    expect(await counts(clone.database)).toMatchObject({ captured: before['captured']! + 1 });
    const versions = await clone.database.query<{ version: bigint }>(
      'select version from aggregate_version where key = $1',
      [`acme:customer:crm-${body.data.id}`],
    );
    expect(versions).toEqual([{ version: 1n }]);
  });

  it('of which copies reach two processes at once is taken once', async () => {
    const other = await captureApp(clone.url);
    try {
      const body = customer();
      const doors = Array.from({ length: 30 }, (_, at) => (at % 2 ? app : other));
      const answers = await Promise.all(doors.map((door) => door.send(body, { id: 'two-doors' })));
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(29);
      expect(new Set(answers.map((answer) => answer.body.receiptId)).size).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('with another body is answered 409 and recorded; the first stands', async () => {
    const body = customer();
    const first = await app.send(body, { id: 'conflict' });
    const other = { ...body, data: { ...body.data, name: 'Another' } };
    for (const times of [1, 2]) {
      const answer = await app.send(other, { id: 'conflict' });
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({
        code: 'CROSSDOCK_CAPTURE_CONFLICT',
        items: [{ ...first.body.items[0], result: 'conflict', code: 'CROSSDOCK_CAPTURE_CONFLICT' }],
      });
      const recorded = await clone.database.query(
        `select conflict.body, conflict.times::int as times, payload.body as first
         from captured join captured_conflict as conflict on conflict.captured_id = captured.id
         join captured_payload as payload on payload.captured_id = captured.id
         where source_event_id = 'conflict'`,
      );
      expect(recorded).toEqual([{ body: JSON.stringify(other.data), first: JSON.stringify(body.data), times }]);
    }
    expect((await app.send(body, { id: 'conflict' })).status).toBe(200);
  });
});

describe('a batch', () => {
  const event = (
    id: string,
    data: unknown = { id: `b-${++last}`, name: 'Acme', kind: 'COMPANY', status: 'ACTIVE' },
  ) => ({
    specversion: '1.0',
    id,
    source: '/crm/batch',
    type: 'crm.customer.updated',
    data,
  });
  const send = (events: unknown) => {
    const body = JSON.stringify(events);
    const signature = createHmac('sha256', EVENTS_SECRET).update(body).digest('hex');
    return app.post('acme-events', body, {
      'content-type': 'application/cloudevents-batch+json',
      'x-events-signature': signature,
    });
  };
  const results = ({ body }: Answered) => body.items.map(({ result, code }) => (code ? `${result} ${code}` : result));

  it('keeps its good items though others are refused, known or in conflict', async () => {
    const known = event('known');
    await send([known]);
    const answer = await send([
      { ...event('bad'), data: undefined },
      known,
      { ...known, data: { ...(known.data as object), name: 'Other' } },
      event('good'),
      'nonsense',
    ]);
    expect(answer.status).toBe(202);
    expect(results(answer)).toEqual([
      'refused CROSSDOCK_CAPTURE_DATA',
      'duplicate',
      'conflict CROSSDOCK_CAPTURE_CONFLICT',
      'accepted',
      'refused CROSSDOCK_CAPTURE_BODY',
    ]);
  });

  it('is answered 409 before 400 when nothing in it is new', async () => {
    const known = event('nothing-new');
    await send([known]);
    const changed = { ...known, data: { ...(known.data as object), name: 'Other' } };
    expect((await send([{ ...known, type: undefined }, changed, known])).status).toBe(409);
    expect((await send([{ ...known, type: undefined }, known])).status).toBe(400);
    expect((await send([known, known])).status).toBe(200);
    expect((await send([])).status).toBe(200);
  });

  it('takes an event once that it holds twice', async () => {
    const twice = event('twice-in-one');
    const answer = await send([twice, twice]);
    expect(answer.status).toBe(202);
    expect(results(answer)).toEqual(['accepted', 'duplicate']);
    expect(answer.body.items[0]!.receiptId).toBe(answer.body.items[1]!.receiptId);
  });

  it('draws versions in its order though it repeats an earlier event at its end', async () => {
    const data = { id: 'repeated-at-the-end', kind: 'COMPANY', status: 'ACTIVE' };
    const [older, newer] = ['older', 'newer'].map((name) => event(`repeated-${name}`, { ...data, name }));
    expect(results(await send([older, newer, older]))).toEqual(['accepted', 'accepted', 'duplicate']);
    const rows = await clone.database.query<{ source_event_id: string }>(
      `select source_event_id from captured where record_id = 'ev-repeated-at-the-end' order by aggregate_version`,
    );
    expect(rows.map((row) => row.source_event_id.slice(-5))).toEqual(['older', 'newer']);
  });

  it('may be as large as a request may be', async () => {
    const answer = await send(Array.from({ length: 4_000 }, (_, at) => event(`large-${at}`)));
    expect(answer.status).toBe(202);
    expect(answer.body.items).toHaveLength(4_000);
    expect(new Set(answer.body.items.map(({ receiptId }) => receiptId)).size).toBe(4_000);
  });

  it('draws versions of one record in its order', async () => {
    const data = { id: 'one-record', kind: 'COMPANY', status: 'ACTIVE' };
    const answer = await send(['z', 'm', 'a'].map((name) => event(`order-${name}`, { ...data, name })));
    expect(answer.status).toBe(202);
    const rows = await clone.database.query<{ source_event_id: string }>(
      `select source_event_id from captured where record_id = 'ev-one-record' order by aggregate_version`,
    );
    expect(rows.map((row) => row.source_event_id.slice(-1))).toEqual(['z', 'm', 'a']);
  });

  it('in many copies with the events in other orders cannot deadlock', async () => {
    const events = Array.from({ length: 20 }, (_, at) => event(`crossed-${at}`));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => send(at % 2 ? events : [...events].reverse())),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 11 }, () => 200), 202]);
  });
});

describe("senders' own libraries", () => {
  it('Standard Webhooks: what its library signs is taken', async () => {
    const body = JSON.stringify(customer());
    const at = new Date();
    const signature = new Webhook(CRM_SECRET).sign('msg_library', at, body);
    const headers = { 'webhook-id': 'msg_library', 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)) };
    expect((await app.post('acme-crm', body, { ...json, ...headers, 'webhook-signature': signature })).status).toBe(
      202,
    );
  });

  const cloudEvent = (id: string) =>
    new CloudEvent({
      id,
      type: 'crm.customer.updated',
      source: '/crm/library',
      time: '2026-11-20T10:00:00.123Z',
      datacontenttype: 'application/json',
      data: { id: 'from-library', name: 'Acmé', kind: 'COMPANY', status: 'ACTIVE' },
    });
  const post = (message: { headers: unknown; body: unknown }) => {
    const body = String(message.body);
    const headers = message.headers as Record<string, string>;
    const signature = createHmac('sha256', EVENTS_SECRET).update(body).digest('hex');
    return app.post('acme-events', body, { ...headers, 'x-events-signature': signature });
  };

  it('CloudEvents: what its library sends is taken, and the two forms of one event are one event', async () => {
    expect((await post(HTTP.binary(cloudEvent('both')))).status).toBe(202);
    expect((await post(HTTP.structured(cloudEvent('both')))).status).toBe(200);
  });

  it('CloudEvents: time and source come from the attributes', async () => {
    const answer = await post(HTTP.structured(cloudEvent('attributes')));
    const [row] = await clone.database.query(
      'select occurred_at, source_event_id from captured where receipt_id = $1',
      [answer.body.receiptId],
    );
    expect(row).toEqual({
      occurred_at: new Date('2026-11-20T10:00:00.123Z'),
      source_event_id: '12:/crm/libraryattributes',
    });
  });

  it('CloudEvents: one source cannot write an id that reads as that of another', async () => {
    const one = cloudEvent('b/c').cloneWith({ source: 'a' });
    const other = cloudEvent('c').cloneWith({ source: 'ab/' });
    expect((await post(HTTP.structured(one))).status).toBe(202);
    expect((await post(HTTP.structured(other))).status).toBe(202);
  });

  it('gzip, deflate and br are inflated, and the signature is over what was signed', async () => {
    const encodings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
    for (const [encoding, compress] of Object.entries(encodings)) {
      const body = JSON.stringify(customer());
      const headers = { ...json, ...sign(`packed-${encoding}`, new Date(), body), 'content-encoding': encoding };
      expect((await app.post('acme-crm', compress(body), headers)).status).toBe(202);
    }
  });
});

it('has one of its answers for any texts in any place, and never a fault', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('\ud800', '\0', '1e400', '__proto__', ''),
  );
  const time = fc.oneof(
    text,
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.constantFrom('0000-01-01T00:00:00Z', '9999-12-31T23:59:60+14:00', '2026-02-30T00:00:00Z'),
  );
  const events = fc.sample(
    fc.record({
      specversion: fc.constant('1.0'),
      id: text,
      source: text,
      type: fc.oneof(
        text,
        text.map((entity) => `${entity}.updated`),
        fc.constant('customer.updated'),
      ),
      time,
      traceparent: text,
      data: fc.record({
        id: fc.oneof(text, fc.integer(), fc.double()),
        version: fc.oneof(text, fc.bigInt().map(Number)),
        any: fc.jsonValue(),
      }),
    }),
    400,
  );
  const before = await counts(clone.database);
  let accepted = 0;
  for (const event of events) {
    const body = JSON.stringify(event);
    const answer = await app.post('acme-events', body, {
      'content-type': 'application/cloudevents+json',
      'x-events-signature': createHmac('sha256', EVENTS_SECRET).update(body).digest('hex'),
    });
    expect([200, 202, 400, 409]).toContain(answer.status);
    if (answer.status === 202) accepted++;
  }
  expect(accepted).toBeGreaterThan(50);
  expect(await counts(clone.database)).toMatchObject({ captured: before['captured']! + accepted });
  const waiting = `select 1 from captured where status = 'waiting'`;
  await eventually(
    () => clone.database.query(waiting),
    (rows) => rows.length === 0,
  );
  expect(
    await clone.database.query(`select code, reason from captured where code = 'CROSSDOCK_CAPTURE_FAULT'`),
  ).toEqual([]);
});
