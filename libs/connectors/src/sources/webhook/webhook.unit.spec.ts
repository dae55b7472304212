import { createHmac, createPrivateKey, sign } from 'node:crypto';
import { Secret, type Connection, type RawRequest, type SettingsValue, type Source } from '#contracts';
import { describeSource, type SampleEvent } from '#testing';
import { openSource } from '../index.ts';

const WEBHOOK = [1, 2].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`) as [string, string];
const PLAIN: [string, string] = ['one secret text', 'another secret text'];

const open = (settings: Record<string, SettingsValue>, secrets: readonly string[]): Source =>
  openSource({
    name: 'crm',
    connector: 'webhook',
    settings: {
      ...settings,
      ...(secrets.length > 0 ? { secrets: secrets.map((text) => new Secret(text, 'test')) } : {}),
    },
  } as unknown as Connection)!;

const request = (body: string, headers: Record<string, string>): RawRequest => ({
  body: Buffer.from(body),
  headers: { 'content-type': 'application/json', ...headers },
  path: '/hooks/crm',
  remoteAddress: '127.0.0.1',
});
const seconds = (at: Date): string => String(at.getTime() / 1000);
const plain = ({ type, data }: SampleEvent, at: Date): string =>
  `{"type":"${type}","timestamp":"${at.toISOString()}","data":${data}}`;
const structured = ({ id, type, data }: SampleEvent): string =>
  `{"specversion":"1.0","id":"${id}","source":"/crm","type":"crm.${type}","data":${data}}`;
const hmac = (secret: string, ...parts: string[]) => {
  const hash = createHmac('sha256', secret);
  for (const part of parts) hash.update(part);
  return hash;
};

describeSource('webhook, standard-webhooks', {
  open: (secrets) => open({ scheme: 'standard-webhooks' }, secrets),
  request: ([event], secret, at) => {
    const body = plain(event!, at);
    const key = Buffer.from(secret.slice(6), 'base64');
    const signature = createHmac('sha256', key)
      .update(`${event!.id}.${seconds(at)}.${body}`)
      .digest('base64');
    return request(body, {
      'webhook-id': event!.id,
      'webhook-timestamp': seconds(at),
      'webhook-signature': `v1a,AAAA v1,${signature} v2,later`,
    });
  },
  secrets: WEBHOOK,
  signatureHeader: 'webhook-signature',
  fresh: true,
  batches: false,
});

/** Two senders, by the seeds of their private keys; the kit's "secret" is the public key we would be told. */
const SENDERS = new Map(
  [3, 4].map((fill) => {
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, fill)]);
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    const { x } = key.export({ format: 'jwk' });
    return [`whpk_${Buffer.from(x!, 'base64url').toString('base64')}`, key];
  }),
);

describeSource('webhook, standard-webhooks with key pairs', {
  open: (publicKeys) => open({ scheme: 'standard-webhooks', publicKeys: [...publicKeys] }, []),
  request: ([event], publicKey, at) => {
    const body = plain(event!, at);
    const text = Buffer.from(`${event!.id}.${seconds(at)}.${body}`);
    return request(body, {
      'webhook-id': event!.id,
      'webhook-timestamp': seconds(at),
      'webhook-signature': `v1,AAAA v1a,${sign(null, text, SENDERS.get(publicKey)!).toString('base64')} v2,later`,
    });
  },
  secrets: [...SENDERS.keys()] as [string, string],
  signatureHeader: 'webhook-signature',
  fresh: true,
  batches: false,
});

describeSource('webhook, cloudevents binary', {
  open: (secrets) => open({ scheme: 'cloudevents', hmac: { timestampHeader: 'X-Time', header: 'X-Sig' } }, secrets),
  request: ([event], secret, at) =>
    request(event!.data, {
      'ce-specversion': '1.0',
      'ce-id': event!.id,
      'ce-source': '/crm',
      'ce-type': event!.type,
      'x-time': seconds(at),
      'x-sig': hmac(secret, seconds(at), '.', event!.data).digest('hex'),
    }),
  secrets: PLAIN,
  signatureHeader: 'x-sig',
  fresh: true,
  batches: false,
});

describeSource('webhook, cloudevents structured', {
  open: (secrets) => open({ scheme: 'cloudevents' }, secrets),
  request: ([event], secret) =>
    request(structured(event!), {
      'content-type': 'application/cloudevents+json; charset=UTF-8',
      'x-signature': `sha256=${hmac(secret, structured(event!)).digest('hex')}`,
    }),
  secrets: PLAIN,
  signatureHeader: 'x-signature',
  fresh: false,
  batches: false,
});

describeSource('webhook, cloudevents batch', {
  open: (secrets) => open({ scheme: 'cloudevents' }, secrets),
  request: (events, secret) => {
    const body = `[ ${events.map(structured).join(' ,\n ')} ]`;
    return request(body, {
      'content-type': 'application/cloudevents-batch+json',
      'x-signature': hmac(secret, body).digest('hex').toUpperCase(),
    });
  },
  secrets: PLAIN,
  signatureHeader: 'x-signature',
  fresh: false,
  batches: true,
});

describeSource('webhook, hmac', {
  open: (secrets) =>
    open(
      {
        scheme: 'hmac',
        hmac: {
          header: 'X-Hub-Signature',
          algorithm: 'sha512',
          encoding: 'base64',
          prefix: 'sig:',
          timestampHeader: 'X-Sent',
          signed: '{id}|{timestamp}|{body}',
        },
        eventId: { header: 'X-Event' },
      },
      secrets,
    ),
  request: ([event], secret, at) => {
    const body = plain(event!, at);
    const sent = at.toISOString();
    const signature = createHmac('sha512', secret).update(`${event!.id}|${sent}|${body}`).digest('base64');
    return request(body, { 'x-event': event!.id, 'x-sent': sent, 'x-hub-signature': `sig:${signature}` });
  },
  secrets: PLAIN,
  signatureHeader: 'x-hub-signature',
  fresh: true,
  batches: false,
});

describeSource('webhook, none', {
  open: () => open({ scheme: 'none', eventId: { path: '/meta/id' } }, []),
  request: ([event], _secret, at) => request(plain(event!, at).replace(/}$/, `,"meta":{"id":"${event!.id}"}}`), {}),
  secrets: [],
  fresh: false,
  batches: false,
});
