import { createHmac } from 'node:crypto';
import type { RawRequest, Secret, Verified } from '#contracts';
import { anySigned, ed25519Key } from './ed25519.ts';
import { anyEqual, checkFreshness, refuse } from './signature.ts';

export const ID_HEADER = 'webhook-id';
const PREFIX = 'whsec_';
const SHARED = 'v1,';
const PAIR = 'v1a,';

/** Standard Webhooks 1.0.0 asks for 24 to 64 bytes; what is in use out there is a little wider. */
export function isWebhookSecret(text: string): boolean {
  const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= 16 && length <= 128;
}

/**
 * Standard Webhooks 1.0.0: `v1` under a shared secret, `v1a` (Ed25519) under a public key. One good signature is enough;
 * those of versions we do not know are passed over.
 */
export function standardWebhooks(
  { secrets = [], publicKeys = [] }: { secrets?: readonly Secret[]; publicKeys?: readonly string[] },
  toleranceMs: number,
): (request: RawRequest, now: Date) => Verified {
  const shared = secrets.map((secret) => Buffer.from(secret.reveal().replace(PREFIX, ''), 'base64'));
  const pairs = publicKeys.map(ed25519Key);
  return (request, now) => {
    const id = request.headers[ID_HEADER];
    const timestamp = request.headers['webhook-timestamp'];
    const signatures = request.headers['webhook-signature'];
    if (!id || !timestamp || !signatures)
      return refuse('SIGNATURE_MISSING', 'send webhook-id, webhook-timestamp and webhook-signature');
    if (!/^\d{1,12}$/.test(timestamp)) return refuse('TIMESTAMP', 'webhook-timestamp must be Unix time in seconds');
    const each = signatures.split(/,?\s+/); // a repeated header arrives joined by a comma and a space
    const presented = (version: string): string[] =>
      each.filter((text) => text.startsWith(version)).map((text) => text.slice(version.length));
    const head = `${id}.${timestamp}.`;
    const expected = shared.map((key) =>
      createHmac('sha256', key).update(head, 'latin1').update(request.body).digest('base64'),
    );
    const message = (): Buffer => Buffer.concat([Buffer.from(head, 'latin1'), request.body]);
    if (!anyEqual(presented(SHARED), expected) && !anySigned(presented(PAIR), pairs, message))
      return refuse('SIGNATURE', 'no signature matches');
    return checkFreshness(Number(timestamp) * 1000, now, toleranceMs);
  };
}
