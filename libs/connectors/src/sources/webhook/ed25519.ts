import { createPublicKey, verify, type KeyObject } from 'node:crypto';

const PREFIX = 'whpk_';
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** A sender that rotates sends two. Each costs a pass over the whole body, and anybody may ask for it. */
const MAX_PRESENTED = 4;
/** What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Points of small order, the bit of their sign cleared: under such a "key" anybody can make signatures that verify. The
 * first is 32 zero bytes, which is what a placeholder looks like. OpenSSL 3.0 (Node 20) takes forged signatures for each of
 * them (tried), OpenSSL 3.5 (Node 24) for none.
 */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** What is wrong with a public key of Standard Webhooks; undefined when nothing is. Never repeats the text. */
export function publicKeyProblem(text: string): string | undefined {
  if (text.startsWith('whsk_')) return 'this is a private key: it stays with the sender, and here belongs its whpk_';
  if (text.startsWith('whsec_')) return 'this is a shared secret: it belongs in secrets';
  const bytes = text.startsWith(PREFIX) ? exactBase64(text.slice(PREFIX.length), KEY_BYTES) : undefined;
  if (bytes === undefined) return 'a public key of standard-webhooks is whpk_ and then base64 of 32 bytes';
  const point = Buffer.from(bytes);
  point[KEY_BYTES - 1]! &= 0x7f;
  return SMALL_ORDER.has(point.toString('hex')) ? 'this is no key: anybody can sign for it' : undefined;
}

/** `text`: one in which `publicKeyProblem` found nothing. */
export function ed25519Key(text: string): KeyObject {
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64');
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' });
}

/** Whether one of the presented signatures (base64) is one of `message` under one of the keys. */
export function anySigned(presented: readonly string[], keys: readonly KeyObject[], message: () => Buffer): boolean {
  if (keys.length === 0) return false;
  const signatures = presented.slice(0, MAX_PRESENTED).flatMap((text) => exactBase64(text, SIGNATURE_BYTES) ?? []);
  if (signatures.length === 0) return false;
  const bytes = message();
  return signatures.some((signature) => keys.some((key) => verify(null, bytes, key, signature)));
}

/** Node reads base64 leniently; one spelling per value is enough. */
function exactBase64(text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === length && bytes.toString('base64') === text ? bytes : undefined;
}
