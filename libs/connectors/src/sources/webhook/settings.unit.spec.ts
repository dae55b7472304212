import { describe, expect, it } from '@jest/globals';
import { Secret, type Connection, type SettingsValue } from '#contracts';
import { parseSourceSettings } from '../index.ts';

const secret = new Secret(`whsec_${Buffer.alloc(32, 1).toString('base64')}`, 'env CRM');
const publicKey = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';
const check = (settings: SettingsValue, host = '127.0.0.1', connector = 'webhook') =>
  parseSourceSettings({ name: 'crm', connector, settings } as unknown as Connection, { host });
const findings = (...args: Parameters<typeof check>): string[] => {
  const checked = check(...args);
  return checked.ok
    ? []
    : checked.findings.map(
        ({ path, message, suggestion }) => `${path.join('.')}: ${message}${suggestion ? ` (${suggestion})` : ''}`,
      );
};

describe('settings of the webhook source', () => {
  it('are good as the contract shows them, and say which mappings they need', () => {
    expect(check({ scheme: 'standard-webhooks', secrets: [secret], normalise: { customer: 'my-customer' } })).toEqual({
      ok: true,
      value: { normalise: new Map([['customer', 'my-customer']]) },
    });
    expect(
      findings({ scheme: 'hmac', secrets: [secret], hmac: { header: 'X-Sig' }, eventId: { header: 'X-Id' } }),
    ).toEqual([]);
    expect(findings({ scheme: 'cloudevents', secrets: [secret] }, '0.0.0.0')).toEqual([]);
    expect(findings({ scheme: 'standard-webhooks', publicKeys: [publicKey] }, '0.0.0.0')).toEqual([]);
    expect(findings({ scheme: 'standard-webhooks', secrets: [secret], publicKeys: [publicKey] })).toEqual([]);
  });

  it('refuse a plain text where a secret belongs, without repeating it', () => {
    const [finding] = findings({ scheme: 'hmac', secrets: ['hunter2'] });
    expect(finding).toMatch(/^secrets\.0: a secret never stands in the file/);
    expect(finding).not.toContain('hunter2');
  });

  it('refuse a private key where a public one belongs, without repeating it', () => {
    const [finding] = findings({ scheme: 'standard-webhooks', publicKeys: ['whsk_hunter2'] });
    expect(finding).toMatch(/^publicKeys\.0: this is a private key: it stays with the sender/);
    expect(finding).not.toContain('hunter2');
  });

  it.each<[string, SettingsValue, RegExp]>([
    ['no scheme', {}, /^scheme: /],
    ['an unknown scheme', { scheme: 'hmca' }, /^scheme: one of standard-webhooks, cloudevents, hmac, none/],
    [
      'an unknown setting',
      { scheme: 'none', recrod: {} },
      /^recrod: unknown setting recrod \(did you mean "record"\?\)/,
    ],
    ['no secrets', { scheme: 'standard-webhooks' }, /^secrets: scheme standard-webhooks needs secrets or publicKeys/],
    ['an empty list of public keys', { scheme: 'standard-webhooks', publicKeys: [] }, /^publicKeys: /],
    [
      'more public keys than a rotation needs',
      { scheme: 'standard-webhooks', publicKeys: Array.from({ length: 5 }, () => publicKey) },
      /^publicKeys: /,
    ],
    [
      'a public key that is none',
      { scheme: 'standard-webhooks', publicKeys: [publicKey, 'whpk_abc'] },
      /^publicKeys\.1: .* whpk_ and then base64 of 32 bytes/,
    ],
    [
      'a shared secret among public keys',
      { scheme: 'standard-webhooks', publicKeys: ['whsec_AAAA'] },
      /^publicKeys\.0: this is a shared secret: it belongs in secrets/,
    ],
    [
      'a public key among secrets',
      { scheme: 'standard-webhooks', secrets: [new Secret(publicKey, 'env X')] },
      /^secrets\.0: .*\(a public key belongs in publicKeys\)/,
    ],
    [
      'public keys where nothing is so signed',
      { scheme: 'hmac', secrets: [secret], publicKeys: [publicKey] },
      /^publicKeys: scheme hmac knows no public keys/,
    ],
    ['an empty list of secrets', { scheme: 'hmac', secrets: [] }, /^secrets: /],
    ['secrets for none', { scheme: 'none', secrets: [secret] }, /^secrets: scheme none checks no signature/],
    [
      'a secret that is no key',
      { scheme: 'standard-webhooks', secrets: [new Secret('abc', 'env X')] },
      /^secrets\.0: /,
    ],
    [
      'hmac settings where nothing is so signed',
      { scheme: 'standard-webhooks', secrets: [secret], hmac: {} },
      /^hmac: /,
    ],
    ['an event id elsewhere', { scheme: 'cloudevents', eventId: { path: '/x' } }, /^eventId: .*source and id/],
    [
      'two places for the event id',
      { scheme: 'none', eventId: { path: '/x', header: 'x' } },
      /^eventId: either header or path/,
    ],
    ['a pointer that is none', { scheme: 'none', record: { id: 'id' } }, /^record\.id: a JSON pointer/],
    [
      'a template without the body',
      { scheme: 'hmac', secrets: [secret], hmac: { signed: '{timestamp}' } },
      /must contain \{body\}/,
    ],
    [
      'an unknown part of the template',
      { scheme: 'hmac', secrets: [secret], hmac: { signed: '{url}{body}' } },
      /knows only/,
    ],
    ['an unknown algorithm', { scheme: 'hmac', secrets: [secret], hmac: { algorithm: 'md5' } }, /^hmac\.algorithm: /],
    ['a mapping with an odd name', { scheme: 'none', normalise: { customer: '../x' } }, /^normalise\.customer: /],
  ])('refuse %s', (_, settings, message) => {
    expect(findings(settings)).toEqual([expect.stringMatching(message)]);
  });

  it.each(['none', 'cloudevents'])('refuse %s without secrets when the process listens to the world', (scheme) => {
    for (const host of ['127.0.0.1', '::1', 'localhost']) expect(findings({ scheme }, host)).toEqual([]);
    for (const host of ['0.0.0.0', '::', '10.0.0.7', '127.0.0.1.example.com'])
      expect(findings({ scheme }, host)).toEqual([expect.stringMatching(/^scheme: .* for loopback only/)]);
  });

  it('name the sources there are', () => {
    expect(findings({}, '127.0.0.1', 'webhok')).toEqual([': unknown connector webhok (sources: webhook, outbox)']);
    expect(findings({}, '127.0.0.1', 'outbox')).toEqual([]);
    expect(findings({ scheme: 'none' }, '127.0.0.1', 'outbox')).toEqual([
      expect.stringMatching(/^scheme: unknown setting/),
    ]);
  });
});
