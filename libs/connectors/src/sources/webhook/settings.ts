import { z } from 'zod';
import type { Connection } from '#contracts';
import { checkSettings, duration, pointer, secret, strict } from '../../settings.ts';
import type { SourceSurroundings } from '../../source-connector.ts';
import type { Checked } from '../../target-connector.ts';
import { templateProblem } from './template.ts';
import { publicKeyProblem } from './ed25519.ts';
import { isWebhookSecret } from './standard-webhooks.ts';

export const SCHEMES = ['standard-webhooks', 'cloudevents', 'hmac', 'none'] as const;

const headerName = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'the name of a header')
    .transform((name) => name.toLowerCase());

/** How the sender signs, where it is neither Standard Webhooks nor nothing. The defaults fit the commonest form. */
const hmac = strict({
  header: headerName().prefault('x-signature'),
  algorithm: z.enum(['sha256', 'sha384', 'sha512', 'sha1']).default('sha256'),
  encoding: z.enum(['hex', 'base64']).default('hex'),
  /** what stands before the signature, e.g. `sha256=`; without it `<algorithm>=` may stand there or not */
  prefix: z.string().max(50).optional(),
  /** Unix time in seconds or milliseconds, or ISO 8601; without it freshness cannot be checked */
  timestampHeader: headerName().optional(),
  /** what is signed, made of {timestamp}, {id}, {header:NAME} and {body}; default `{timestamp}.{body}`, or `{body}` */
  signed: z
    .string()
    .max(500)
    .superRefine((text, context) => {
      const problem = templateProblem(text);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .optional(),
});

const publicKey = () =>
  z.string().superRefine((text, context) => {
    const problem = publicKeyProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const FORM = strict({
  scheme: z.enum(SCHEMES, `one of ${SCHEMES.join(', ')}`),
  /** several are valid at once: rotation */
  secrets: z.array(secret()).min(1).max(10).optional(),
  /** scheme standard-webhooks: `whpk_` keys of senders that sign with a key pair; no secrets, so they stand in the file */
  publicKeys: z.array(publicKey()).min(1).max(4).optional(),
  hmac: hmac.optional(),
  /** how far the sender's clock may be off, both ways */
  tolerance: duration().prefault('5m'),
  record: strict({ id: pointer().default('/id'), version: pointer().default('/version') }).prefault({}),
  /** schemes hmac and none: where the sender's own id of the event stands */
  eventId: strict({ header: headerName().optional(), path: pointer().optional() })
    .refine(({ header, path }) => (header === undefined) !== (path === undefined), 'either header or path')
    .optional(),
  /** pointers into `data` at fields that change with each attempt: "same content?" leaves them out */
  deliveryFields: z.array(pointer()).max(50).default([]),
  normalise: z.record(z.string(), z.string().regex(/^[a-z0-9-]+$/, 'the name of a mapping')).default({}),
});

export type WebhookSettings = z.output<typeof FORM>;
export type HmacSettings = z.output<typeof hmac>;
export const hmacDefaults = (): HmacSettings => hmac.parse({});

/** The settings, or every mistake in them. */
export function parseSettings(connection: Connection, surroundings: SourceSurroundings): Checked<WebhookSettings> {
  const checked = checkSettings(FORM, connection.settings);
  if (!checked.ok) return checked;
  const findings = contradictions(checked.value, surroundings);
  return findings.length === 0 ? checked : { ok: false, findings };
}

type Findings = Extract<Checked<never>, { ok: false }>['findings'];

function contradictions(settings: WebhookSettings, { host }: SourceSurroundings): Findings {
  const { scheme, secrets, publicKeys, hmac: signing, eventId } = settings;
  const findings: Findings = [];
  const pairs = scheme === 'standard-webhooks';
  if (secrets === undefined && (scheme === 'hmac' || (pairs && publicKeys === undefined)))
    findings.push({
      path: ['secrets'],
      message: `scheme ${scheme} needs secrets${pairs ? ' or publicKeys' : ''}`,
      suggestion: 'secrets: [{ env: NAME }], [{ file: path }] or [{ generated: name }]',
    });
  if (secrets !== undefined && scheme === 'none')
    findings.push({ path: ['secrets'], message: 'scheme none checks no signature, so it has no secrets' });
  if (publicKeys !== undefined && !pairs)
    findings.push({
      path: ['publicKeys'],
      message: `scheme ${scheme} knows no public keys`,
      suggestion: 'scheme: standard-webhooks, whose v1a signs with a key pair',
    });
  if (signing !== undefined && (scheme === 'standard-webhooks' || scheme === 'none'))
    findings.push({ path: ['hmac'], message: `scheme ${scheme} has no hmac settings` });
  if (eventId !== undefined && (scheme === 'standard-webhooks' || scheme === 'cloudevents'))
    findings.push({
      path: ['eventId'],
      message: `scheme ${scheme} says itself where the event id stands`,
      suggestion: scheme === 'cloudevents' ? 'source and id of the event' : 'the header webhook-id',
    });
  if (secrets === undefined && (scheme === 'none' || scheme === 'cloudevents') && !isLoopback(host))
    findings.push({
      path: ['scheme'],
      message: `scheme ${scheme} without secrets is for loopback only, and this process listens on ${host}`,
      suggestion: scheme === 'none' ? 'standard-webhooks or hmac' : 'give it secrets',
    });
  if (scheme === 'standard-webhooks')
    for (const [index, each] of (secrets ?? []).entries())
      if (!isWebhookSecret(each.reveal()))
        findings.push({
          path: ['secrets', index],
          message: 'a secret of standard-webhooks is whsec_ and then base64 of 16 to 128 bytes',
          ...(each.reveal().startsWith('whpk_') ? { suggestion: 'a public key belongs in publicKeys' } : {}),
        });
  return findings;
}

/** 127.0.0.0/8, ::1, its IPv4-mapped form and the name. */
export function isLoopback(address: string): boolean {
  const plain = address
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/^::ffff:/, '');
  return plain === 'localhost' || plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain);
}
