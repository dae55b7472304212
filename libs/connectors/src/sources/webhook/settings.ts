import { z } from 'zod';
import type { Connection } from '#contracts';
import { checkSettings, duration, kind, pointer, secret, strict } from '../../settings.ts';
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
    .transform((name) => name.toLowerCase())
    .meta(kind('header name'));

/** How the sender signs, where it is neither Standard Webhooks nor nothing. The defaults fit the commonest form. */
const hmac = strict({
  header: headerName().prefault('x-signature').describe('Header that has the signature.'),
  algorithm: z.enum(['sha256', 'sha384', 'sha512', 'sha1']).default('sha256').describe('Hash of the HMAC.'),
  encoding: z.enum(['hex', 'base64']).default('hex').describe('How the signature is written.'),
  prefix: z
    .string()
    .max(50)
    .optional()
    .describe('What stands before the signature, as `sha256=`. Without it `<algorithm>=` may stand there or not.'),
  timestampHeader: headerName()
    .optional()
    .describe('Header that has the time: Unix seconds or milliseconds, or ISO 8601. Without it age cannot be checked.'),
  signed: z
    .string()
    .max(500)
    .superRefine((text, context) => {
      const problem = templateProblem(text);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .optional()
    .describe(
      'What is signed, made of `{timestamp}`, `{id}`, `{header:NAME}` and `{body}`. Without it `{timestamp}.{body}`, or `{body}` where no time is sent.',
    ),
});

const publicKey = () =>
  z
    .string()
    .superRefine((text, context) => {
      const problem = publicKeyProblem(text);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .meta(kind('public key'));

/** The form of a `webhook` connection's settings (configuration.md, section 3); what contradicts itself is below. */
export const webhookSettings = strict({
  scheme: z
    .enum(SCHEMES, `one of ${SCHEMES.join(', ')}`)
    .describe('How the sender proves who it is. `none`, and `cloudevents` without secrets, are for loopback alone.'),
  secrets: z
    .array(secret())
    .min(1)
    .max(10)
    .optional()
    .describe('Secrets that it may sign with; several are valid at once, so that they can be rotated.'),
  publicKeys: z
    .array(publicKey())
    .min(1)
    .max(4)
    .optional()
    .describe(
      'Scheme `standard-webhooks`: `whpk_` keys of a sender with a key pair, beside `secrets` or in place of them.',
    ),
  hmac: hmac.optional(),
  tolerance: duration().prefault('5m').describe("How far the sender's clock may be off, both ways."),
  record: strict({
    id: pointer().default('/id').describe("Where `data` has the record's id."),
    version: pointer()
      .default('/version')
      .describe('Where `data` has its version. Where none stands, order of arrival counts.'),
  }).prefault({}),
  eventId: strict({
    header: headerName()
      .optional()
      .describe(
        "Schemes `hmac` and `none`: header that has the sender's id of the event. Without both: `webhook-id`, else `/id` of the body.",
      ),
    path: pointer().optional().describe('The same, in the body.'),
  })
    .refine(({ header, path }) => (header === undefined) !== (path === undefined), 'either header or path')
    .optional(),
  deliveryFields: z
    .array(pointer())
    .max(50)
    .default([])
    .describe('Fields of `data` that change with each attempt of the sender: "same content?" leaves them out.'),
  normalise: z
    .record(z.string(), z.string().regex(/^[a-z0-9-]+$/, 'the name of a mapping'))
    .meta(kind('entity: mapping'))
    .default({})
    .describe('Mapping from the shape of the source to the canonical one, by entity. Without one `data` is canonical.'),
});

export type WebhookSettings = z.output<typeof webhookSettings>;
export type HmacSettings = z.output<typeof hmac>;
export const hmacDefaults = (): HmacSettings => hmac.parse({});

/** The settings, or every mistake in them. */
export function parseSettings(connection: Connection, surroundings: SourceSurroundings): Checked<WebhookSettings> {
  const checked = checkSettings(webhookSettings, connection.settings);
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
