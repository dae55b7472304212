import { describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { Secret, type RawRequest } from '#contracts';
import { standardWebhooks } from './standard-webhooks.ts';
import { anyEqual, checkFreshness } from './signature.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const at = new Date(1_614_265_330_000);
const verify = standardWebhooks({ secrets: [new Secret(SECRET, 'test')] }, 300_000);

const request = (id: string, body: string, signature: string): RawRequest => ({
  path: '/hooks/crm',
  body: Buffer.from(body),
  headers: { 'webhook-id': id, 'webhook-timestamp': '1614265330', 'webhook-signature': signature },
});
const sign = (id: string, body: string): string =>
  createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64'))
    .update(`${id}.1614265330.${body}`)
    .digest('base64');

describe('a signature of Standard Webhooks', () => {
  it("is the one of the standard's own test", () => {
    const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
    expect(verify(request('msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', signature), at)).toEqual({
      ok: true,
    });
  });

  it('is found among several, by spaces or in a header that came twice', () => {
    const good = `v1,${sign('m', '{}')}`;
    for (const list of [`v1,AAAA ${good}`, `${good} v1a,AAAA`, `v1,AAAA, ${good}`, `v2,x ${good} v1,y`])
      expect(verify(request('m', '{}', list), at)).toEqual({ ok: true });
  });

  it('is taken whatever its first characters are: v and a digit once read as the next version', () => {
    const ids = Array.from({ length: 3_000 }, (_, index) => `m${index}`).filter((id) => /^v\d/.test(sign(id, '{}')));
    expect(ids.length).toBeGreaterThan(3);
    for (const id of ids) expect(verify(request(id, '{}', `v1,${sign(id, '{}')}`), at)).toEqual({ ok: true });
  });

  it('of a version we do not know, or have no key for, proves nothing', () => {
    for (const version of ['v1a', 'v2', 'V1', ''])
      expect(verify(request('m', '{}', `${version},${sign('m', '{}')}`), at).ok).toBe(false);
  });

  it('is not read from other spellings of the same bytes', () => {
    const url = sign('m0', '{}').replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    expect(verify(request('m0', '{}', `v1,${url}`), at).ok).toBe(false);
  });

  it('needs its time in whole seconds', () => {
    for (const time of ['1614265330.5', '-1', '2021-02-25T15:02:10Z', '1e9', ' 1614265330']) {
      const one = request('m', '{}', `v1,${sign('m', '{}')}`);
      expect(verify({ ...one, headers: { ...one.headers, 'webhook-timestamp': time } }, at)).toMatchObject({
        code: 'CROSSDOCK_CAPTURE_TIMESTAMP',
      });
    }
  });
});

describe('comparing signatures', () => {
  it('says no to texts of any other length without throwing', () => {
    for (const length of [0, 31, 33, 1_000]) expect(anyEqual(['x'.repeat(length)], ['x'.repeat(32)])).toBe(false);
    expect(anyEqual([], ['x'])).toBe(false);
    expect(anyEqual(['x'], [])).toBe(false);
  });

  it('looks at no more than sixteen', () => {
    expect(anyEqual([...Array.from({ length: 15 }, () => 'no'), 'yes'], ['yes'])).toBe(true);
    expect(anyEqual([...Array.from({ length: 16 }, () => 'no'), 'yes'], ['yes'])).toBe(false);
  });
});

describe('freshness', () => {
  it('ends after 300 seconds, both ways', () => {
    const apart = [-301, -300, -299, 299, 300, 301].map((seconds) =>
      checkFreshness(at.getTime() - seconds * 1000, at, 300_000),
    );
    expect(apart.map((each) => (each.ok ? 'ok' : each.code.slice('CROSSDOCK_CAPTURE_'.length)))).toEqual([
      'FUTURE',
      'ok',
      'ok',
      'ok',
      'ok',
      'STALE',
    ]);
  });
});
