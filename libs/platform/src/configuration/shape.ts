import { z } from 'zod';
import { parseDuration } from '#contracts';

const NAME = /^[a-z0-9-]+$/;
const LADDER = ['5s', '30s', '2m', '10m', '30m', '1h', '2h', '4h', '8h'];

/** What a value is, as docs/reference/configuration.md says it; `describe` says what a setting does there. */
const kind = (title: string): { title: string } => ({ title });

const duration = z
  .string()
  .transform((text, context) => {
    const milliseconds = parseDuration(text);
    if (milliseconds !== undefined) return milliseconds;
    context.addIssue({ code: 'custom', message: `"${text}" is not a duration: write 200ms, 5s, 2m, 1h or 7d` });
    return z.NEVER;
  })
  .meta(kind('duration'));
const percent = z
  .string()
  .transform((text, context) => {
    const match = /^(\d{1,3})%$/.exec(text);
    if (match && Number(match[1]) <= 100) return Number(match[1]) / 100;
    context.addIssue({ code: 'custom', message: `"${text}" is not a percentage: write for example 20%` });
    return z.NEVER;
  })
  .meta(kind('percentage'));
const zone = z
  .string()
  .refine(isZone, {
    error: ({ input }) => `"${String(input)}" is not a time zone of the IANA list: write for example Europe/Berlin`,
  })
  .meta(kind('IANA time zone'));

const connection = z.strictObject({
  connector: z
    .string()
    .describe(
      'Kind of system: `webhook`, or `outbox` (a service that appends by library), are sources; `rest` is a target.',
    ),
  zone: zone
    .default('UTC')
    .describe(
      'Zone of dates and times that come without one. Of a target: where its `dailyQuota` begins anew at midnight.',
    ),
  idPrefix: z
    .string()
    .max(64)
    .default('')
    .describe(
      'Stands before the ids of the records of this source; of two sources that feed one entity, none may be a prefix of the other. A target that is the source too, for write-back, names the same one.',
    ),
  settings: z
    .record(z.string(), z.unknown())
    .meta(kind('block'))
    .default({})
    .describe('What its connector needs: below.'),
  budget: z
    .strictObject({
      requestsPerMinute: z
        .int()
        .min(1)
        .max(1_000_000)
        .optional()
        .describe(
          'Most requests that may begin in a minute, evenly spread, all processes together. Without it: no limit.',
        ),
      concurrency: z
        .int()
        .min(1)
        .max(1_000)
        .default(4)
        .describe('Most requests open at once, all processes together; of one record there is one.'),
      dailyQuota: z
        .int()
        .min(1)
        .max(1_000_000_000)
        .optional()
        .describe(
          'Requests per day of `zone`. What does not fit waits for midnight, without attempts. Without it: no limit.',
        ),
      reserve: z
        .union([z.int().min(0), percent.transform((share) => ({ share }))], {
          error: 'has to be a number of requests, or a percentage as in 10%',
        })
        .meta(kind('whole number or percentage'))
        .optional()
        .describe('How much of `dailyQuota` is kept for probes and for what people order. Without it: nothing.'),
    })
    .prefault({}),
  timeout: duration
    .prefault('30s')
    .describe(
      'How long the complete answer to a request is waited for. What was sent and is not answered by then is in doubt, see `repeatIsSafe`. Connecting has 10 s of it at most.',
    ),
  retry: z
    .strictObject({
      ladder: z
        .array(duration)
        .min(1)
        .max(50)
        .prefault(LADDER)
        .describe(
          'How long a delivery waits after its first, second, ... failed attempt. After the last one it is `PARKED`, and still tried by the hour where the target was away, failing or busy and nothing is in doubt.',
        ),
      jitter: percent.prefault('20%').describe('How much of each wait is left to chance, up and down.'),
    })
    .prefault({}),
  breaker: z
    .strictObject({
      window: duration.prefault('10s').describe('How far back each process counts its calls.'),
      minimum: z.int().min(1).max(10_000).default(10).describe('With fewer calls in the window it stays closed.'),
      failures: percent
        .prefault('50%')
        .describe(
          'Share of failed calls in the window that opens it, for all processes: nothing is sent until a probe, and then one document, goes through. A refusal of a record is no failure.',
        ),
      slow: duration.prefault('10s').describe('A call that takes so long counts as failed.'),
      probe: duration
        .prefault('5s')
        .describe(
          'How often it is probed while it is open. Without `settings.probe` a document tries instead, after 5 s, 10 s, ... at most a minute.',
        ),
    })
    .prefault({}),
  allowPrivate: z.boolean().default(false).describe('Whether the target may have a private or loopback address.'),
});

const flow = z.strictObject({
  on: z.string().describe('What it carries: `crm.<entity>`, or `sync.result` for a write-back.'),
  from: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Source connections whose records it takes. Without it: all; a write-back must say it.'),
  of: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Write-back alone: the flows whose results it takes. Without it: all.'),
  to: z.string().describe('Target connection.'),
  mapping: z
    .string()
    .regex(NAME, 'a mapping name is made of a-z, 0-9 and -')
    .describe('Name of the mapping: `schemas/mappings/<name>.yaml`.'),
  freshness: duration
    .optional()
    .describe(
      'How old an event may become undelivered before it counts in `crossdock_sync_overdue_total`. Without it: none counts.',
    ),
  value: z
    .strictObject({
      amount: z
        .string()
        .describe('Dotted path in the canonical record of the amount that is shown while it is not delivered.'),
      currency: z.string().describe('The same of its currency.'),
    })
    .optional(),
});

const named = <T extends z.ZodType>(value: T) =>
  z.record(z.string().regex(NAME, 'a name is made of a-z, 0-9 and -'), value);

/** The form of `crossdock.yaml`; what holds between its parts is checked in load.ts. */
export const FILE = z.strictObject({
  version: z.literal(1, { error: 'version must be 1' }).describe('Version of this form.'),
  tenant: z
    .string()
    .regex(NAME, 'a tenant is made of a-z, 0-9 and -')
    .describe('Part of every document key; it stays as it is once something was sent.'),
  public: z
    .strictObject({
      url: z
        .url()
        .meta(kind('URL'))
        .describe('Address at which senders reach us, behind proxies. No connector of this version needs it.'),
    })
    .optional(),
  connections: named(connection),
  flows: named(flow).default({}),
});
export type File = z.infer<typeof FILE>;

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
