import { createHmac } from 'node:crypto';
import type { RawRequest, Secret, Verified } from '#contracts';
import { anyEqual, checkFreshness, refuse } from './signature.ts';

export const ID_HEADER = 'webhook-id';
const PREFIX = 'whsec_';
const VERSION = 'v1,';

/** Standard Webhooks 1.0.0 asks for 24 to 64 bytes; what is in use out there is a little wider. */
export function isWebhookSecret(text: string): boolean {
  const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= 16 && length <= 128;
}

/** Standard Webhooks 1.0.0. `v1a` (ed25519) is not read yet: signatures of unknown versions are passed over. */
export function standardWebhooks(
  secrets: readonly Secret[],
  toleranceMs: number,
): (request: RawRequest, now: Date) => Verified {
  const keys = secrets.map((secret) => Buffer.from(secret.reveal().replace(PREFIX, ''), 'base64'));
  return (request, now) => {
    const id = request.headers[ID_HEADER];
    const timestamp = request.headers['webhook-timestamp'];
    const signatures = request.headers['webhook-signature'];
    if (!id || !timestamp || !signatures)
      return refuse('SIGNATURE_MISSING', 'send webhook-id, webhook-timestamp and webhook-signature');
    if (!/^\d{1,12}$/.test(timestamp)) return refuse('TIMESTAMP', 'webhook-timestamp must be Unix time in seconds');
    const presented = signatures
      .split(/,?\s+/) // a repeated header arrives joined by a comma and a space
      .filter((each) => each.startsWith(VERSION))
      .map((each) => each.slice(VERSION.length));
    const expected = keys.map((key) =>
      createHmac('sha256', key).update(`${id}.${timestamp}.`, 'latin1').update(request.body).digest('base64'),
    );
    if (!anyEqual(presented, expected)) return refuse('SIGNATURE', 'no signature matches');
    return checkFreshness(Number(timestamp) * 1000, now, toleranceMs);
  };
}
