import { describe, expect, it } from '@jest/globals';
import type { FindResult } from '#contracts';
import type { HttpResult } from '#http';
import { readFind } from './find.ts';
import { restSettings } from './settings.ts';

const answered = (status: number, body: string): HttpResult => ({
  kind: 'answered',
  status,
  headers: {},
  body: Buffer.from(body),
  durationMs: 1,
});
const KEY = 'acme:order:7';

function look(find: object, result: HttpResult, document: object = {}): FindResult {
  const settings = restSettings.parse({
    baseUrl: 'https://erp.example',
    documents: {
      d: {
        nature: 'state',
        schema: 'erp/d',
        create: { method: 'POST', path: '/d' },
        id: '/id',
        repeatIsSafe: 'look-first',
        find: { path: '/d/{key}', ...find },
        ...document,
      },
    },
  });
  const { d } = settings.documents;
  return readFind(d!.find!, d!, { key: KEY, requestKey: 'req-2', path: '/d/acme%3Aorder%3A7' }, result);
}

describe('a look at one record', () => {
  it('finds it, id and all', () => {
    expect(look({}, answered(200, '{"id":9007199254740993}'))).toEqual({
      found: 'one',
      targetId: '9007199254740993',
      requestKeyMatches: true,
      evidence: 'GET /d/acme%3Aorder%3A7 -> 200, 1 of 1 match, id 9007199254740993',
    });
  });

  it('takes only declared statuses for absence', () => {
    expect(look({ missing: 404 }, answered(404, ''))).toMatchObject({ found: 'none' });
    expect(look({ missing: [404, 410] }, answered(410, ''))).toMatchObject({ found: 'none' });
    expect(look({}, answered(404, ''))).toMatchObject({ found: 'failed', httpStatus: 404 });
  });

  it.each([
    ['a server error', answered(500, '')],
    ['a refusal', answered(401, '')],
    ['a redirect', answered(302, '')],
    ['a success that is no JSON', answered(200, '<html>')],
    ['an answer without an id', answered(200, '{"name":"x"}')],
    ['silence', { kind: 'unanswered', reason: 'timeout', message: 'no answer', durationMs: 1 } as const],
    ['nobody there', { kind: 'not-sent', reason: 'refused', message: 'connection refused' } as const],
  ])('is a failed look, not absence, after %s', (_, result) => {
    expect(look({ missing: 404 }, result)).toMatchObject({ found: 'failed' });
  });

  it('is not content with another record', () => {
    expect(look({ match: '/externalId' }, answered(200, '{"id":1,"externalId":"acme:order:8"}')).found).toBe('none');
  });

  it('takes the document key for the id where none is declared', () => {
    expect(look({}, answered(200, '{}'), { id: undefined })).toMatchObject({ found: 'one', targetId: KEY });
  });
});

describe('a look at a list', () => {
  const list = { list: '/data/items', match: '/externalId', id: '/number' };
  const items = (...of: object[]): HttpResult => answered(200, JSON.stringify({ data: { items: of } }));

  it('counts only items that carry our key, because an API may ignore a filter', () => {
    const ours = { number: 'SO-7', externalId: KEY };
    const others = [{ number: 'SO-1', externalId: 'acme:order:1' }, { number: 'SO-2' }];
    expect(look(list, items(...others, ours))).toMatchObject({ found: 'one', targetId: 'SO-7' });
    expect(look(list, items(...others))).toMatchObject({
      found: 'none',
      evidence: 'GET /d/acme%3Aorder%3A7 -> 200, 0 of 2 match',
    });
    expect(look(list, items())).toMatchObject({ found: 'none' });
    expect(look(list, items(ours, { ...ours, number: 'SO-8' }))).toMatchObject({ found: 'many', count: 2 });
  });

  it.each(['{}', '{"data":{"items":null}}', '{"data":{"items":{}}}', '[]'])('is failed when %s has no list', (body) => {
    expect(look(list, answered(200, body)).found).toBe('failed');
  });
});

describe('a look for a fact', () => {
  const find = { list: '/items', match: '/externalId', matchRequest: '/requestKey' };
  const fact = { nature: 'fact', versions: 'each' };
  const items = (...requestKeys: string[]): HttpResult =>
    answered(
      200,
      JSON.stringify({ items: requestKeys.map((requestKey, id) => ({ id: `J-${id}`, externalId: KEY, requestKey })) }),
    );

  it('says whether what is there carries our request key', () => {
    expect(look(find, items('req-2'), fact)).toMatchObject({ found: 'one', requestKeyMatches: true });
    expect(look(find, items('req-1'), fact)).toMatchObject({ found: 'one', requestKeyMatches: false });
  });

  it('picks ours among earlier versions of the same key', () => {
    expect(look(find, items('req-1', 'req-2', 'req-3'), fact)).toMatchObject({ found: 'one', targetId: 'J-1' });
    expect(look(find, items('req-1', 'req-3'), fact)).toMatchObject({ found: 'none' });
    expect(look(find, items('req-2', 'req-2'), fact)).toMatchObject({ found: 'many', count: 2 });
  });
});
