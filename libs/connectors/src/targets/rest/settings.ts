import { z } from 'zod';
import { Secret, type RepeatIsSafe } from '#contracts';
import type { Auth } from '#http';
import { duration, pointer, secret, strict } from '../../settings.ts';
import { placeholders } from './template.ts';

/** What an answer with a certain status means: the words of an outcome that a write can have. */
export const STATUS_WORDS = ['done', 'duplicate', 'retry', 'in-doubt', 'rejected', 'closed-period'] as const;
export type StatusWord = (typeof STATUS_WORDS)[number];

const REPEAT: readonly [RepeatIsSafe, ...RepeatIsSafe[]] = [
  'by-idempotency-key',
  'by-external-id',
  'look-first',
  'never',
];

const path = () =>
  z.string().superRefine((text, context) => {
    if (!/^\/[^\s#]*$/.test(text))
      context.addIssue({ code: 'custom', message: 'a path starts with / and holds neither spaces nor #' });
    const found = placeholders(text);
    if (found === undefined) return context.addIssue({ code: 'custom', message: 'a brace is not closed' });
    for (const name of found)
      if (!['key', 'recordId', 'id', 'requestKey'].includes(name))
        context.addIssue({ code: 'custom', message: `{${name}} is none of {key}, {recordId}, {id}, {requestKey}` });
  });

const statuses = () =>
  z
    .record(z.string().regex(/^[1-5]\d\d$/, 'a status code such as 409'), z.enum(STATUS_WORDS))
    .transform((table) => new Map(Object.entries(table).map(([status, word]) => [Number(status), word])));

const operation = () => strict({ method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE', 'GET']), path: path() });

const headerName = () => z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'a header name');

const repeat = z.union(
  [
    z.enum(REPEAT),
    strict({
      write: z.enum(REPEAT).optional(),
      create: z.enum(REPEAT).optional(),
      update: z.enum(REPEAT).optional(),
      cancel: z.enum(REPEAT).optional(),
      reverse: z.enum(REPEAT).optional(),
    }),
  ],
  { error: `one of ${REPEAT.join(', ')}, or one of them per operation: { create: look-first }` },
);

/** How a posted fact is taken back: a second entry with two fields of each line exchanged, or a request of its own. */
const reverse = z.union([strict({ swap: z.tuple([z.string().min(1), z.string().min(1)]) }), operation()], {
  error: '{ swap: [debit, credit] }, or an operation such as { method: POST, path: "/journal-entries/{id}/reversal" }',
});

const document = strict({
  nature: z.enum(['state', 'fact']),
  versions: z.enum(['once', 'reversal', 'each']).optional(),
  schema: z
    .string()
    .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'the name of a schema under schemas/targets, such as erp/sales-order'),
  write: operation().optional(),
  create: operation().optional(),
  update: operation().optional(),
  cancel: operation().optional(),
  reverse: reverse.optional(),
  find: strict({
    method: z.enum(['GET', 'POST']).default('GET'),
    path: path(),
    missing: z
      .union([z.number().int(), z.array(z.number().int())], { error: 'a status code, or a list of them' })
      .transform((given) => new Set(Array.isArray(given) ? given : [given]))
      .optional(),
    list: pointer().optional(),
    match: pointer().optional(),
    matchRequest: pointer().optional(),
    id: pointer().optional(),
  }).optional(),
  id: pointer().optional(),
  idempotencyHeader: headerName().optional(),
  keyLifetime: duration().optional(),
  repeatIsSafe: repeat,
  settle: duration().optional(),
  statuses: strict({
    write: statuses().optional(),
    create: statuses().optional(),
    update: statuses().optional(),
    cancel: statuses().optional(),
    reverse: statuses().optional(),
  }).default({}),
});
export type RestDocument = z.output<typeof document>;

const httpUrl = () =>
  z.string().superRefine((text, context) => {
    if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
      return context.addIssue({ code: 'custom', message: 'a URL that starts with https:// or http://' });
    const url = new URL(text);
    if (url.username || url.password)
      context.addIssue({ code: 'custom', message: 'user and password belong under auth, not into the URL' });
  });

const baseUrl = () =>
  z.union(
    [
      z.string().regex(/^sandbox:\/[a-z]+$/),
      httpUrl().refine((text) => !/[?#]/.test(text), 'a base URL has neither query nor fragment'),
    ],
    { error: 'a URL such as https://erp.acme.example/api without user, query or fragment, or sandbox:/erp' },
  );

/** A user or client: no secret, but it may come from where secrets come from. */
const name = () =>
  z.union([z.string().min(1), z.instanceof(Secret)], { error: 'a name, or { env: NAME } and the like' });

/** Exactly one way of proving who we are. */
const auth = strict({
  bearer: secret().optional(),
  basic: strict({ username: name(), password: secret() }).optional(),
  header: strict({ name: headerName(), value: secret() }).optional(),
  oauth2: strict({
    tokenUrl: httpUrl(),
    clientId: name(),
    clientSecret: secret(),
    scope: z.string().optional(),
    audience: z.string().optional(),
    credentials: z.enum(['basic', 'body']).default('basic'),
  }).optional(),
}).transform((given, context): Auth => {
  const ways = Object.entries(given).filter(([, value]) => value !== undefined);
  if (ways.length === 1) return Object.fromEntries(ways) as unknown as Auth;
  context.addIssue({ code: 'custom', message: 'one of bearer, basic, header, oauth2' });
  return z.NEVER;
});

/** The form of a `rest` connection's settings (configuration.md, section 4); what must fit together is in rules.ts. */
export const restSettings = strict({
  baseUrl: baseUrl(),
  auth: auth.optional(),
  probe: strict({ method: z.enum(['GET', 'HEAD', 'OPTIONS', 'POST']).default('GET'), path: path() }).optional(),
  documents: z.record(z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'document types are written like salesOrder'), document),
  statuses: statuses().optional(),
  success: strict({
    pointer: pointer(),
    equals: z.union([z.string(), z.number(), z.boolean(), z.null()], { error: 'a text, number, boolean or null' }),
  }).optional(),
  /** how a refusal (4xx) tells that the accounting period is closed, where it has no status of its own */
  closedPeriod: strict({
    pointer: pointer(),
    equals: z.union([z.string(), z.number(), z.boolean(), z.null()], { error: 'a text, number, boolean or null' }),
  }).optional(),
  /** where an answer states in words why it refused; without it only a problem document's title is quoted */
  reason: pointer().optional(),
});
export type RestSettings = z.output<typeof restSettings>;
