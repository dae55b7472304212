import { z } from 'zod';
import { Secret, type RepeatIsSafe } from '#contracts';
import type { Auth } from '#http';
import { duration, kind, pointer, secret, strict } from '../../settings.ts';
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
  z
    .string()
    .superRefine((text, context) => {
      if (!/^\/[^\s#]*$/.test(text))
        context.addIssue({ code: 'custom', message: 'a path starts with / and holds neither spaces nor #' });
      const found = placeholders(text);
      if (found === undefined) return context.addIssue({ code: 'custom', message: 'a brace is not closed' });
      for (const name of found)
        if (!['key', 'recordId', 'id', 'requestKey'].includes(name))
          context.addIssue({ code: 'custom', message: `{${name}} is none of {key}, {recordId}, {id}, {requestKey}` });
    })
    .meta(kind('path'));

const statuses = () =>
  z
    .record(z.string().regex(/^[1-5]\d\d$/, 'a status code such as 409'), z.enum(STATUS_WORDS))
    .transform((table) => new Map(Object.entries(table).map(([status, word]) => [Number(status), word])))
    .meta(kind('status code: word'));

const operation = () =>
  strict({ method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE', 'GET']), path: path() }).meta(kind('request'));

const headerName = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'a header name')
    .meta(kind('header name'));

const repeat = z
  .union(
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
  )
  .meta(kind(`${REPEAT.map((word) => `\`${word}\``).join(', ')}; one for all operations, or one for each`));

const reverse = z
  .union([strict({ swap: z.tuple([z.string().min(1), z.string().min(1)]) }), operation()], {
    error:
      '{ swap: [debit, credit] }, or an operation such as { method: POST, path: "/journal-entries/{id}/reversal" }',
  })
  .meta(kind('swap of two fields, or request'));

const document = strict({
  nature: z
    .enum(['state', 'fact'])
    .describe(
      '`state`: a record, of which the newest version wins; `fact`: posted and never changed, such as a journal entry.',
    ),
  versions: z
    .enum(['once', 'reversal', 'each'])
    .optional()
    .describe(
      'What a differing later version of a fact means, and a withdrawal. `once`: both are held for a person; `reversal`: the older posting is taken back, then the new one is posted; `each`: it is posted as well, a withdrawal is held. Required of a fact, refused of a state.',
    ),
  schema: z
    .string()
    .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'the name of a schema under schemas/targets, such as erp/sales-order')
    .describe('What the target takes: `schemas/targets/<schema>.json`.'),
  write: operation()
    .optional()
    .describe('Creates or updates by our key (an upsert), in place of `create` and `update`.'),
  create: operation().optional().describe('Makes a record; `{key}` is our key of it.'),
  update: operation().optional().describe('Sets the whole state of a record; `{id}` is its id in the target.'),
  cancel: operation().optional().describe('Takes a record back; used by `otherwise: withdraw` of a mapping.'),
  reverse: reverse
    .optional()
    .describe(
      'How a posted fact is taken back with `versions: reversal`: `{ swap: [debit, credit] }`, a second entry with these two fields of each line exchanged, or a request of its own.',
    ),
  find: strict({
    method: z.enum(['GET', 'POST']).default('GET').describe('Method of the look by our key.'),
    path: path().describe('Path of the look.'),
    missing: z
      .union([z.number().int(), z.array(z.number().int())], { error: 'a status code, or a list of them' })
      .transform((given) => new Set(Array.isArray(given) ? given : [given]))
      .meta(kind('status code, or list of them'))
      .optional()
      .describe('Statuses that say that it is not there. No other does.'),
    list: pointer()
      .optional()
      .describe('Where the answer has its list, if it is one; an empty one says that it is not there.'),
    match: pointer()
      .optional()
      .describe('Where an item has our key: only those that have it count. Required with `list`.'),
    matchRequest: pointer()
      .optional()
      .describe('Where it has our request key: only what has it was made by that request. Required of a fact.'),
    id: pointer().optional().describe("Where it has the target's id. Without it: as `id` of the document."),
  }).optional(),
  id: pointer().optional().describe("Where an answer has the target's id of the record. Without it our key is the id."),
  idempotencyHeader: headerName().optional().describe('Header that carries our request key.'),
  keyLifetime: duration()
    .optional()
    .describe(
      'How long the target knows a request key: afterwards it is not relied on. Required with `idempotencyHeader`.',
    ),
  repeatIsSafe: repeat.describe(
    'What may be done when a request was sent and not answered ([the words](../guides/your-own-target.md)). `update` and `cancel` of a known id count as repeatable unless this says otherwise; of the rest it must say it.',
  ),
  settle: duration()
    .optional()
    .describe(
      'How long a request may still take effect after we gave it up: with `look-first` nothing is sent again before. Without it: twice `timeout`.',
    ),
  statuses: strict({
    write: statuses().optional(),
    create: statuses().optional(),
    update: statuses().optional(),
    cancel: statuses().optional(),
    reverse: statuses().optional(),
  })
    .meta(kind('operation: status code: word'))
    .default({})
    .describe('What a status means of this operation; goes before `statuses` of the connection.'),
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
  z
    .union(
      [
        z.string().regex(/^sandbox:\/[a-z]+$/),
        httpUrl().refine((text) => !/[?#]/.test(text), 'a base URL has neither query nor fragment'),
      ],
      { error: 'a URL such as https://erp.acme.example/api without user, query or fragment, or sandbox:/erp' },
    )
    .meta(kind('URL'));

/** A user or client: no secret, but it may come from where secrets come from. */
const name = () =>
  z
    .union([z.string().min(1), z.instanceof(Secret)], { error: 'a name, or { env: NAME } and the like' })
    .meta(kind('text or secret'));

/** What may stand at a pointer. */
const scalar = () =>
  z
    .union([z.string(), z.number(), z.boolean(), z.null()], { error: 'a text, number, boolean or null' })
    .meta(kind('text, number, boolean or null'));

/** Exactly one way of proving who we are. */
const auth = strict({
  bearer: secret()
    .optional()
    .describe('A token that is sent as `Authorization: Bearer`. One of the four ways, or none.'),
  basic: strict({
    username: name().describe('User of HTTP Basic.'),
    password: secret().describe('Its password.'),
  }).optional(),
  header: strict({
    name: headerName().describe("A header of the target's own."),
    value: secret().describe('What it holds.'),
  }).optional(),
  oauth2: strict({
    tokenUrl: httpUrl().meta(kind('URL')).describe('Where a token is fetched by client credentials.'),
    clientId: name().describe('Our id there.'),
    clientSecret: secret().describe('Our secret there.'),
    scope: z.string().optional().describe('Scope to ask for.'),
    audience: z.string().optional().describe('Audience to ask for.'),
    credentials: z
      .enum(['basic', 'body'])
      .default('basic')
      .describe('Where id and secret stand: in the header `Authorization`, or in the body.'),
  }).optional(),
}).transform((given, context): Auth => {
  const ways = Object.entries(given).filter(([, value]) => value !== undefined);
  if (ways.length === 1) return Object.fromEntries(ways) as unknown as Auth;
  context.addIssue({ code: 'custom', message: 'one of bearer, basic, header, oauth2' });
  return z.NEVER;
});

/** The form of a `rest` connection's settings (configuration.md, section 4); what must fit together is in rules.ts. */
export const restSettings = strict({
  baseUrl: baseUrl().describe('What every path is appended to; `sandbox:/erp` is the ERP of the sandbox.'),
  auth: auth.optional(),
  probe: strict({
    method: z.enum(['GET', 'HEAD', 'OPTIONS', 'POST']).default('GET').describe('Method of the probe.'),
    path: path().describe(
      'A cheap request that is answered 2xx while all is well: sent while the breaker is open or our credentials were refused, and after a 403.',
    ),
  }).optional(),
  documents: z.record(z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'document types are written like salesOrder'), document),
  statuses: statuses()
    .optional()
    .describe(
      `What a status means where it is not the usual: ${STATUS_WORDS.map((word) => `\`${word}\``).join(', ')}. \`duplicate\` is for creates.`,
    ),
  success: strict({
    pointer: pointer().describe('For a target that answers 2xx to failures: where it says which it is.'),
    equals: scalar().describe(
      'What stands there when it went well. Anything else is a refusal; where nothing stands there, it is in doubt.',
    ),
  }).optional(),
  closedPeriod: strict({
    pointer: pointer().describe(
      'Where a refusal (4xx) tells that the accounting period is closed, if that has no status of its own.',
    ),
    equals: scalar().describe('What stands there then: it is held and tried by the hour.'),
  }).optional(),
  reason: pointer()
    .optional()
    .describe("Where an answer says in words why it refused. Without it only a problem document's title is quoted."),
});
export type RestSettings = z.output<typeof restSettings>;
