import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Connection, RawRequest, SettingsValue, SplitItem } from '#contracts';
import { parseExactJson } from '#schema';
import { openSource } from '../index.ts';
import { fingerprintOf } from './fingerprint.ts';
import { valueAt, without } from './pointer.ts';
import { itemTexts, memberText } from './raw-json.ts';
import { instantMs, isoInstant } from './time.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const item = (
  settings: Record<string, SettingsValue>,
  body: string,
  headers: Record<string, string> = {},
): SplitItem => {
  const source = openSource({ name: 'crm', connector: 'webhook', settings } as unknown as Connection)!;
  const request: RawRequest = {
    path: '/',
    body: Buffer.from(body),
    headers: { 'content-type': 'application/json', ...headers },
  };
  const split = source.split(request, NOW);
  if (!split.ok) throw new Error(split.code);
  return split.items[0]!;
};
const event = (...args: Parameters<typeof item>) => {
  const one = item(...args);
  if (!one.ok) throw new Error(one.code);
  return one.event;
};

describe('slices of JSON text', () => {
  const text = fc.json({ maxDepth: 4 });
  const spaced = fc
    .tuple(text, fc.constantFrom('', ' ', '\n\t', '  '))
    .map(([json, space]) => `${space}${json}${space}`);

  it('are the members as they stand, whatever stands around them', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string(), spaced), { selector: ([name]) => name, maxLength: 6 }),
        (members) => {
          const body = `{${members.map(([name, value]) => `${JSON.stringify(name)} :${value}`).join(' ,')}}`;
          for (const [name, value] of members) expect(memberText(body, name)).toBe(value.trim());
          expect(memberText(body, 'a name that is not there')).toBeUndefined();
        },
      ),
    );
  });

  it('are the items of a list as they stand', () => {
    fc.assert(
      fc.property(fc.array(spaced, { maxLength: 6 }), (items) => {
        expect(itemTexts(`[${items.join(',')}]`)).toEqual(items.map((each) => each.trim()));
      }),
    );
  });
});

describe('JSON pointers', () => {
  const json = parseExactJson('{"a/b":{"~":[10,{"":"deep"}]},"x":1}');
  it('find members, items and escaped names', () => {
    expect(valueAt(json, '/a~1b/~0/1/')).toBe('deep');
    expect(String(valueAt(json, '/a~1b/~0/0'))).toBe('10');
    for (const missing of ['/a', '/a~1b/~0/01', '/a~1b/~0/2', '/x/y', '/constructor', '/a~1b/~0/length'])
      expect(valueAt(json, missing)).toBeUndefined();
  });
  it('leave one place out and the original as it is', () => {
    expect(valueAt(without(json, '/a~1b/~0/1/'), '/a~1b/~0/1/')).toBeUndefined();
    expect(valueAt(json, '/a~1b/~0/1/')).toBe('deep');
  });
});

describe('the fingerprint of an event', () => {
  const of = (data: string, fields: string[] = []) => fingerprintOf('t', parseExactJson(data), fields);
  it('does not see spaces, the order of keys, or fields named as delivery fields', () => {
    expect(of('{"a":1,"b":{"c":[1,2],"d":2}}')).toBe(of('{ "b": {"d":2,"c":[1, 2]}, "a":1 }'));
    expect(of('{"a":1,"meta":{"attempt":1}}', ['/meta/attempt'])).toBe(
      of('{"a":1,"meta":{"attempt":2}}', ['/meta/attempt']),
    );
  });
  it('sees every digit, order in lists, types and names', () => {
    const all = [
      '{"a":1.10}',
      '{"a":1.1}',
      '{"a":"1.1"}',
      '{"a":[1,2]}',
      '{"a":[2,1]}',
      '{"b":1.1}',
      '{}',
      '{"a":null}',
    ];
    expect(new Set(all.map((data) => of(data))).size).toBe(all.length);
  });
});

describe('what an event is about', () => {
  const none = { scheme: 'none' };
  const headers = { 'webhook-id': 'e' };

  it('stands where the settings say', () => {
    const settings = { ...none, record: { id: '/ref/no', version: '/changed' }, eventId: { path: '/uuid' } };
    const body =
      '{"uuid":7,"type":"crm.order.won","timestamp":"2026-11-20T10:00:00+01:00","data":{"ref":{"no":42},"changed":"9"}}';
    expect(event(settings, body)).toMatchObject({
      sourceEventId: '7',
      entity: 'order',
      type: 'crm.order.won',
      recordId: '42',
      sourceVersion: 9n,
      occurredAt: '2026-11-20T09:00:00.000Z',
    });
  });

  it('has no version where none stands, and a defect where it is none', () => {
    expect(event(none, '{"type":"order.won","data":{"id":"1"}}', headers)).toMatchObject({
      sourceVersion: undefined,
      defect: undefined,
    });
    for (const version of ['1.5', '"x"', '1e3', '9223372036854775808', 'true', '[]'])
      expect(event(none, `{"type":"order.won","data":{"id":"1","version":${version}}}`, headers).defect).toMatchObject({
        code: 'CROSSDOCK_CAPTURE_SCHEMA',
      });
  });

  it('takes -0 and 0 as the same id, and large ids by their digits', () => {
    const id = (digits: string) => event(none, `{"type":"order.won","data":{"id":${digits}}}`, headers).recordId;
    expect([id('-0'), id('0'), id('12345678901234567890123')]).toEqual(['0', '0', '12345678901234567890123']);
  });

  it('drops a traceparent that is none and a time without a zone', () => {
    const body = '{"type":"order.won","timestamp":"2026-11-20 10:00","data":{"id":"1"}}';
    expect(event(none, body, { ...headers, traceparent: 'x' })).toMatchObject({
      traceparent: undefined,
      occurredAt: undefined,
    });
  });
});

describe('CloudEvents', () => {
  const settings = { scheme: 'cloudevents' };
  const structured = { 'content-type': 'application/cloudevents+json' };
  const base = { specversion: '1.0', id: '1', source: 's', type: 'crm.order.won' };

  it('carries its data as base64 too', () => {
    const data_base64 = Buffer.from('{"id": 1.0e1, "n":1.10}').toString('base64');
    expect(item(settings, JSON.stringify({ ...base, data_base64 }), structured)).toMatchObject({
      ok: false,
      code: 'CROSSDOCK_CAPTURE_RECORD_ID',
    });
    const good = Buffer.from('{"id": 10, "n":1.10}').toString('base64');
    expect(event(settings, JSON.stringify({ ...base, data_base64: good }), structured).data).toBe(
      '{"id": 10, "n":1.10}',
    );
  });

  it('is refused with a reason when an attribute is missing or odd', () => {
    const codeOf = (change: object) => {
      const one = item(settings, JSON.stringify({ ...base, data: { id: '1' }, ...change }), structured);
      return one.ok ? 'ok' : one.code.slice('CROSSDOCK_CAPTURE_'.length);
    };
    expect(codeOf({})).toBe('ok');
    expect(codeOf({ specversion: '0.3' })).toBe('SPECVERSION');
    expect(codeOf({ source: undefined })).toBe('EVENT_ID');
    expect(codeOf({ id: '' })).toBe('EVENT_ID');
    expect(codeOf({ type: undefined })).toBe('TYPE');
    expect(codeOf({ datacontenttype: 'text/xml' })).toBe('DATA');
    expect(codeOf({ data: undefined, data_base64: '!' })).toBe('DATA');
    expect(codeOf({ datacontenttype: 'application/vnd.acme+json' })).toBe('ok');
  });

  it('decodes what headers had to encode, in binary mode', () => {
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': 'Euro%20%E2%82%AC',
      'ce-source': '100%',
      'ce-type': 'order.won',
    };
    expect(event(settings, '{"id":"1"}', headers).sourceEventId).toBe('4:100%Euro \u20ac');
    expect(item(settings, '{"id":"1"}', { ...headers, 'ce-id': 'a%00b' })).toMatchObject({
      code: 'CROSSDOCK_CAPTURE_EVENT_ID',
    });
  });
});

describe('times', () => {
  it('are read from seconds, milliseconds and ISO 8601', () => {
    const ms = Date.parse('2026-11-20T10:00:00Z');
    expect([String(ms / 1000), String(ms), '2026-11-20T10:00:00Z', '2026-11-20T11:00:00+01:00'].map(instantMs)).toEqual(
      [ms, ms, ms, ms],
    );
    expect(['', 'now', '2026-11-20', '2026-11-20T10:00:00', '2026-13-01T00:00:00Z', '1.5'].map(instantMs)).toEqual(
      Array(6).fill(undefined),
    );
    expect(isoInstant('1763632800')).toBeUndefined();
  });
});
