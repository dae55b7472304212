import { describe, expect, it } from '@jest/globals';
import type { Operation, WriteResult } from '#contracts';
import type { HttpResult } from '#http';
import { interpret } from './interpret.ts';
import { restSettings, type RestSettings } from './settings.ts';

const NOW = new Date('2026-11-23T10:00:00Z');
const parse = (more: object = {}, document: object = {}): RestSettings =>
  restSettings.parse({
    baseUrl: 'https://erp.example',
    documents: {
      order: {
        nature: 'state',
        schema: 'erp/order',
        create: { method: 'POST', path: '/o' },
        update: { method: 'PUT', path: '/o/{id}' },
        cancel: { method: 'POST', path: '/o/{id}/cancel' },
        id: '/id',
        repeatIsSafe: 'never',
        ...document,
      },
    },
    ...more,
  });
const PLAIN = parse();

const answered = (status: number, body: string | Buffer = '{"id":"SO-1"}', headers = {}): HttpResult => ({
  kind: 'answered',
  status,
  headers,
  body: Buffer.from(body),
  durationMs: 1,
});
const read = (result: HttpResult, operation: Operation = 'create', settings: RestSettings = PLAIN): WriteResult =>
  interpret({ settings, document: settings.documents['order']!, operation, key: 'acme:order:7' }, result, NOW);

describe('an answer', () => {
  it.each<[number, string, string | undefined]>([
    [200, 'done', undefined],
    [201, 'done', undefined],
    [202, 'done', undefined],
    [301, 'rejected', 'VALUE'],
    [304, 'rejected', 'VALUE'],
    [400, 'rejected', 'VALUE'],
    [401, 'retry', 'AUTH'],
    [403, 'rejected', 'AUTH'],
    [404, 'rejected', 'VALUE'],
    [405, 'rejected', 'VALUE'],
    [408, 'in-doubt', 'UNKNOWN_OUTCOME'],
    [409, 'rejected', 'CONFLICT'],
    [413, 'rejected', 'TOO_LARGE'],
    [422, 'rejected', 'VALUE'],
    [423, 'rejected', 'VALUE'],
    [425, 'retry', 'INTERMITTENT'],
    [429, 'retry', 'RATE_LIMIT'],
    [500, 'in-doubt', 'UNKNOWN_OUTCOME'],
    [501, 'in-doubt', 'UNKNOWN_OUTCOME'],
    [502, 'in-doubt', 'UNKNOWN_OUTCOME'],
    [503, 'in-doubt', 'UNKNOWN_OUTCOME'],
    [504, 'in-doubt', 'UNKNOWN_OUTCOME'],
    [519, 'in-doubt', 'UNKNOWN_OUTCOME'],
  ])('of %i means %s, class %s', (status, outcome, errorClass) => {
    for (const operation of ['create', 'update', 'cancel'] as const) {
      const result = read(answered(status), operation);
      expect(result.outcome).toBe(outcome);
      expect('errorClass' in result ? result.errorClass : undefined).toBe(errorClass);
      expect(result).toMatchObject({ httpStatus: status });
    }
  });

  it.each([
    [429, '7', 7_000],
    [429, undefined, undefined],
    [429, 'Mon, 23 Nov 2026 10:00:30 GMT', 30_000],
    [503, '120', 120_000],
    [425, '1', 1_000],
  ])('of %i with Retry-After %s waits %s ms', (status, header, wait) => {
    const result = read(answered(status, '', header === undefined ? {} : { 'retry-after': header }));
    expect(result).toMatchObject({ outcome: 'retry', retryAfterMs: wait });
  });

  it('says retry for 503 only when it says when', () => {
    expect(read(answered(503, '', { 'retry-after': 'soon' })).outcome).toBe('retry');
    expect(read(answered(503, '')).outcome).toBe('in-doubt');
  });
});

describe('a create that was answered by success', () => {
  it.each([
    ['{"id":"SO-1"}', 'SO-1'],
    ['{"id":9007199254740993123}', '9007199254740993123'],
    ['{"id":10.50}', '10.50'],
    ['{"id":0}', '0'],
  ])('takes the id of %s with every digit', (body, targetId) => {
    expect(read(answered(201, body))).toEqual({ outcome: 'done', targetId, httpStatus: 201 });
  });

  it.each(['', 'fine', '{}', '{"id":null}', '{"id":""}', '{"id":{"x":1}}', '{"id":true}', '[]', '{"id":1,"id":2}'])(
    'is in doubt when the answer is %j',
    (body) => {
      expect(read(answered(201, body))).toMatchObject({ outcome: 'in-doubt', errorClass: 'UNKNOWN_OUTCOME' });
    },
  );

  it('is in doubt when the answer is not UTF-8 or ended early', () => {
    expect(read(answered(201, Buffer.from([0x7b, 0xff, 0x7d]))).outcome).toBe('in-doubt');
    expect(read({ ...unanswered('truncated'), status: 201, headers: {} }).outcome).toBe('in-doubt');
  });

  it('reads a byte order mark and the character set that the answer names', () => {
    expect(read(answered(201, '\ufeff{"id":"X"}'))).toMatchObject({ targetId: 'X' });
    const gbk = Buffer.from([...Buffer.from('{"id":"'), 0xd6, 0xd0, ...Buffer.from('"}')]);
    const json = (charset: string) => ({ 'content-type': `application/json;charset=${charset}` });
    expect(read(answered(201, gbk, json('GBK')))).toMatchObject({ targetId: '中' });
    expect(read(answered(201, gbk, json('nonsense'))).outcome).toBe('in-doubt');
  });

  it('finds an id that stands deep, with escaped names', () => {
    const settings = parse({}, { id: '/a~1b/0/m~0n' });
    expect(read(answered(201, '{"a/b":[{"m~n":"X"}]}'), 'create', settings)).toMatchObject({ targetId: 'X' });
    expect(read(answered(201, '{"a/b":{"0":{"m~n":"X"}}}'), 'create', settings)).toMatchObject({ targetId: 'X' });
    expect(read(answered(201, '{"a/b":[{"m~n":"X"}]}'), 'create', parse({}, { id: '/a~1b/00/m~0n' })).outcome).toBe(
      'in-doubt',
    );
  });

  it('has the document key as its id where none is declared, and needs no body', () => {
    const settings = parse({}, { id: undefined });
    expect(read(answered(204, ''), 'create', settings)).toEqual({
      outcome: 'done',
      targetId: 'acme:order:7',
      httpStatus: 204,
    });
  });
});

describe('an update, cancel or upsert that was answered by success', () => {
  it('needs no body', () => {
    expect(read(answered(204, ''), 'update')).toEqual({ outcome: 'done', targetId: undefined, httpStatus: 204 });
    expect(read({ ...unanswered('truncated'), status: 200, headers: {} }, 'cancel').outcome).toBe('done');
    expect(read(answered(200, '{"id":"SO-2"}'), 'update')).toMatchObject({ targetId: 'SO-2' });
  });
});

describe('a system that answers 200 to failures', () => {
  const settings = parse({ success: { pointer: '/ok', equals: true } });
  it.each([
    ['{"ok":true,"id":"1"}', 'done'],
    ['{"ok":false,"id":"1"}', 'rejected'],
    ['{"ok":"true","id":"1"}', 'rejected'],
    ['{"ok":null,"id":"1"}', 'rejected'],
    ['{"id":"1"}', 'in-doubt'],
    ['nothing', 'in-doubt'],
  ])('is read by what stands at its pointer: %s means %s', (body, outcome) => {
    expect(read(answered(200, body), 'create', settings).outcome).toBe(outcome);
    expect(read(answered(200, body), 'update', settings).outcome).toBe(outcome);
  });

  it('compares numbers by value', () => {
    const zero = parse({ success: { pointer: '/errcode', equals: 0 } });
    expect(read(answered(200, '{"errcode":0,"id":1}'), 'create', zero).outcome).toBe('done');
    expect(read(answered(200, '{"errcode":40001}'), 'create', zero)).toMatchObject({
      outcome: 'rejected',
      errorClass: 'VALUE',
    });
  });

  it('is not asked for it on other statuses', () => {
    expect(read(answered(409, '{}'), 'create', settings)).toMatchObject({
      outcome: 'rejected',
      errorClass: 'CONFLICT',
    });
  });
});

describe('statuses of the settings', () => {
  const settings = parse(
    { statuses: { 409: 'duplicate', 423: 'retry', 500: 'rejected', 404: 'in-doubt' } },
    { statuses: { cancel: { 404: 'done', 409: 'done' }, create: { 423: 'rejected' } } },
  );
  it.each<[Operation, number, string]>([
    ['create', 409, 'duplicate'],
    ['update', 409, 'rejected'],
    ['cancel', 409, 'done'],
    ['cancel', 404, 'done'],
    ['update', 404, 'in-doubt'],
    ['update', 423, 'retry'],
    ['create', 423, 'rejected'],
    ['create', 500, 'rejected'],
    ['create', 502, 'in-doubt'],
  ])('decide: %s with %i is %s', (operation, status, outcome) => {
    expect(read(answered(status, ''), operation, settings).outcome).toBe(outcome);
  });
});

describe('a closed accounting period', () => {
  const settings = parse({
    statuses: { 423: 'closed-period', 409: 'duplicate' },
    closedPeriod: { pointer: '/code', equals: 'PERIOD_CLOSED' },
  });
  const closed = { outcome: 'retry', errorClass: 'CLOSED_PERIOD' };

  it('is told by a status of its own, or by what a refusal has at its pointer', () => {
    expect(read(answered(423, ''), 'create', settings)).toMatchObject(closed);
    expect(read(answered(422, '{"code":"PERIOD_CLOSED"}'), 'create', settings)).toMatchObject(closed);
    expect(read(answered(423, '', { 'retry-after': '60' }), 'create', settings)).not.toHaveProperty('retryAfterMs');
  });

  it('is not read into other refusals, into answers that say nothing for sure, or into success', () => {
    expect(read(answered(422, '{"code":"NO_SUCH_ACCOUNT"}'), 'create', settings).outcome).toBe('rejected');
    expect(read(answered(409, '{"code":"PERIOD_CLOSED"}'), 'create', settings).outcome).toBe('duplicate');
    expect(read(answered(500, '{"code":"PERIOD_CLOSED"}'), 'create', settings).outcome).toBe('in-doubt');
    expect(read(answered(201, '{"id":"1","code":"PERIOD_CLOSED"}'), 'create', settings).outcome).toBe('done');
  });
});

describe('a request without an answer', () => {
  it.each(['timeout', 'reset', 'aborted', 'closed', 'too-large', 'truncated', 'protocol'] as const)(
    'is in doubt after %s',
    (reason) => {
      expect(read(unanswered(reason))).toMatchObject({ outcome: 'in-doubt', errorClass: 'UNKNOWN_OUTCOME' });
    },
  );

  it.each(['refused', 'dns', 'tls', 'connect', 'connect-timeout', 'private-address', 'aborted', 'token'] as const)(
    'is tried again after %s, because nothing was sent',
    (reason) => {
      expect(read({ kind: 'not-sent', reason, message: 'm' })).toEqual({
        outcome: 'retry',
        errorClass: 'CONNECTION',
        message: 'm',
        notSent: true,
      });
    },
  );

  it('waits for somebody when the credentials are refused, and gives up what can never be sent', () => {
    expect(read({ kind: 'not-sent', reason: 'credentials', message: 'm' })).toMatchObject({
      outcome: 'retry',
      errorClass: 'AUTH',
      notSent: true,
    });
    expect(read({ kind: 'not-sent', reason: 'invalid', message: 'm' }).outcome).toBe('rejected');
  });

  it('but with a status goes by the status', () => {
    expect(read({ ...unanswered('truncated'), status: 422, headers: {} }).outcome).toBe('rejected');
    expect(read({ ...unanswered('timeout'), status: 500, headers: {} }).outcome).toBe('in-doubt');
  });
});

describe('the message', () => {
  it('says that redirects are not followed', () => {
    expect(read(answered(302, ''))).toMatchObject({ message: 'answered 302: redirects are not followed' });
  });

  const problem = { 'content-type': 'application/problem+json; charset=utf-8' };
  it('quotes the title of a problem document and nothing else of the answer', () => {
    const body = '{"title":"The customer is unknown","detail":"Krause 4711"}';
    const message = (result: WriteResult) => ('message' in result ? result.message : '');
    expect(message(read(answered(422, body, problem)))).toBe('answered 422: The customer is unknown');
    expect(message(read(answered(422, body)))).toBe('answered 422');
    const settings = parse({ reason: '/error/0/text' });
    const long = JSON.stringify({ error: [{ text: `no\nline ${'x'.repeat(500)}` }] });
    expect(message(read(answered(400, long), 'create', settings))).toBe(`answered 400: no line ${'x'.repeat(192)}`);
    const pairs = JSON.stringify({ error: [{ text: `x${'\u{1F4B6}'.repeat(200)}` }] });
    const cut = message(read(answered(400, pairs), 'create', settings));
    expect([cut.isWellFormed(), cut]).toEqual([true, `answered 400: x${'\u{1F4B6}'.repeat(99)}`]);
  });
});

function unanswered(reason: 'timeout' | 'reset' | 'aborted' | 'closed' | 'too-large' | 'truncated' | 'protocol') {
  return { kind: 'unanswered' as const, reason, message: 'no answer', durationMs: 1 };
}
