import { describe, expect, it } from '@jest/globals';
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { Secret, type RawRequest } from '#contracts';
import { anySigned, ed25519Key, publicKeyProblem } from './ed25519.ts';
import { standardWebhooks } from './standard-webhooks.ts';

/** As Svix, which wrote the standard, publishes it: the key in its operating manual, the signature in its server's test. */
const PUBLISHED = {
  publicKey: 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  body: '{"test": 2432232314}',
  signature: 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
};
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const at = new Date(1_614_265_330_000);
const MINUTES_5 = 300_000;

const publicText = (key: KeyObject): string =>
  `whpk_${key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')}`;
const sender = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const signed = (text: string): string => `v1a,${sign(null, Buffer.from(text), privateKey).toString('base64')}`;
  return { publicKey: publicText(publicKey), signed, of: (body: string) => signed(`m.1614265330.${body}`) };
};
const request = (signature: string, body: string | Buffer, id = 'm'): RawRequest => ({
  path: '/hooks/crm',
  body: Buffer.from(body),
  headers: { 'webhook-id': id, 'webhook-timestamp': '1614265330', 'webhook-signature': signature },
});
const [first, second] = [sender(), sender()];
const one = standardWebhooks({ publicKeys: [first.publicKey] }, MINUTES_5);

describe('a signature made with a key pair', () => {
  it('is the one of the published vector', () => {
    const verified = standardWebhooks({ publicKeys: [PUBLISHED.publicKey] }, MINUTES_5);
    expect(verified(request(PUBLISHED.signature, PUBLISHED.body, PUBLISHED.id), at)).toEqual({ ok: true });
    expect(verified(request(PUBLISHED.signature, PUBLISHED.body, 'msg_p5jXN8AQM9LWM0D4loKWxJel'), at)).toMatchObject({
      code: 'CROSSDOCK_CAPTURE_SIGNATURE',
    });
  });

  it('holds for these bytes only', () => {
    expect(one(request(first.of('{}'), '{}'), at)).toEqual({ ok: true });
    for (const body of ['{} ', '{ }', '', '\ufeff{}']) expect(one(request(first.of('{}'), body), at).ok).toBe(false);
    const odd = Buffer.from([0x22, 0xff, 0x00, 0x22]); // no UTF-8
    const text = Buffer.concat([Buffer.from('m.1614265330.'), odd]);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const verified = standardWebhooks({ publicKeys: [publicText(publicKey)] }, MINUTES_5);
    const signature = `v1a,${sign(null, text, privateKey).toString('base64')}`;
    expect(verified(request(signature, odd), at)).toEqual({ ok: true });
    expect(verified(request(signature, odd.toString()), at).ok).toBe(false);
  });

  it('counts under any of several keys, wherever it stands in the header', () => {
    const both = standardWebhooks({ publicKeys: [first.publicKey, second.publicKey] }, MINUTES_5);
    for (const { of } of [first, second]) expect(both(request(of('{}'), '{}'), at)).toEqual({ ok: true });
    expect(one(request(second.of('{}'), '{}'), at).ok).toBe(false);
    const [good, other] = [first.of('{}'), second.of('{}')];
    for (const list of [`${other} ${good}`, `${good}, ${other}`, `v1,AAAA v1a,AAAA ${good} v2,x`])
      expect(one(request(list, '{}'), at)).toEqual({ ok: true });
  });

  it('stands beside one made with a shared secret: either is enough, each under its own version only', () => {
    const key = Buffer.from(SECRET.slice(6), 'base64');
    const shared = createHmac('sha256', key).update('m.1614265330.{}').digest('base64');
    const moving = { secrets: [new Secret(SECRET, 'test')], publicKeys: [first.publicKey] };
    const both = standardWebhooks(moving, MINUTES_5);
    const pair = first.of('{}').slice('v1a,'.length);
    for (const list of [`v1,${shared}`, `v1a,${pair}`, `v1,${shared} v1a,AAAA`, `v1,AAAA v1a,${pair}`])
      expect(both(request(list, '{}'), at)).toEqual({ ok: true });
    for (const list of [`v1a,${shared}`, `v1,${pair}`, `v1a${pair}`, pair, `V1A,${pair}`])
      expect(both(request(list, '{}'), at).ok).toBe(false);
    expect(one(request(`v1,${shared}`, '{}'), at).ok).toBe(false);
  });

  it('is never made with what everybody may know: the public key as a shared secret', () => {
    const key = Buffer.from(first.publicKey.slice(5), 'base64');
    const forged = createHmac('sha256', key).update('m.1614265330.{}').digest('base64');
    for (const version of ['v1', 'v1a']) expect(one(request(`${version},${forged}`, '{}'), at).ok).toBe(false);
  });

  it('is not read from other spellings, lengths or the fifth text of a list', () => {
    const good = first.of('{}').slice('v1a,'.length);
    for (const text of [good.replaceAll('=', ''), `${good}=`, `${good}AAAA`, good.slice(4), '='])
      expect(one(request(`v1a,${text}`, '{}'), at).ok).toBe(false);
    const filler = (count: number): string => Array.from({ length: count }, () => second.of('{}')).join(' ');
    expect(one(request(`${filler(3)} v1a,${good}`, '{}'), at).ok).toBe(true);
    expect(one(request(`${filler(4)} v1a,${good}`, '{}'), at).ok).toBe(false);
  });

  it('that cannot be one costs no pass over the body', () => {
    const never = (): Buffer => {
      throw new Error('the body was read');
    };
    expect(anySigned(['AAAA', ''], [ed25519Key(first.publicKey)], never)).toBe(false);
    expect(anySigned([first.of('{}').slice(4)], [], never)).toBe(false);
  });

  it('is as fresh as any other must be', () => {
    const later = (seconds: number) => one(request(first.of('{}'), '{}'), new Date(at.getTime() + seconds * 1000));
    expect([300, -300].map((seconds) => later(seconds).ok)).toEqual([true, true]);
    expect(later(301)).toMatchObject({ code: 'CROSSDOCK_CAPTURE_STALE' });
    expect(later(-301)).toMatchObject({ code: 'CROSSDOCK_CAPTURE_FUTURE' });
  });
});

describe('a public key', () => {
  it('is whpk_ and the 32 bytes', () => {
    expect(publicKeyProblem(PUBLISHED.publicKey)).toBeUndefined();
    for (let count = 0; count < 20; count++) expect(publicKeyProblem(sender().publicKey)).toBeUndefined();
    const bare = PUBLISHED.publicKey.slice(5);
    for (const text of ['', 'whpk_', bare, `whpk_${bare.slice(0, -1)}`, `whpk_ ${bare}`, `whpk_${bare}AAAA`])
      expect(publicKeyProblem(text)).toBe('a public key of standard-webhooks is whpk_ and then base64 of 32 bytes');
  });

  it('is not taken where anybody could sign for it, such as 32 zero bytes', () => {
    const points = [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      ...['ec', 'ed', 'ee'].map((low) => `${low}${'ff'.repeat(30)}7f`),
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    ];
    for (const hex of points)
      for (const sign of [0, 0x80]) {
        const point = Buffer.from(hex, 'hex');
        point[31]! |= sign;
        expect(publicKeyProblem(`whpk_${point.toString('base64')}`)).toBe('this is no key: anybody can sign for it');
      }
  });
});
