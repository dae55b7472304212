import { z } from 'zod';
import { parseDuration } from '#contracts';

const NAME = /^[a-z0-9-]+$/;
const LADDER = ['5s', '30s', '2m', '10m', '30m', '1h', '2h', '4h', '8h'];

const duration = z.string().transform((text, context) => {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration: write 200ms, 5s, 2m, 1h or 7d` });
  return z.NEVER;
});
const percent = z.string().transform((text, context) => {
  const match = /^(\d{1,3})%$/.exec(text);
  if (match && Number(match[1]) <= 100) return Number(match[1]) / 100;
  context.addIssue({ code: 'custom', message: `"${text}" is not a percentage: write for example 20%` });
  return z.NEVER;
});
const zone = z.string().refine(isZone, {
  error: ({ input }) => `"${String(input)}" is not a time zone of the IANA list: write for example Europe/Berlin`,
});

const connection = z.strictObject({
  connector: z.string(),
  zone: zone.default('UTC'),
  idPrefix: z.string().max(64).default(''),
  settings: z.record(z.string(), z.unknown()).default({}),
  budget: z
    .strictObject({
      requestsPerMinute: z.int().min(1).max(1_000_000).optional(),
      concurrency: z.int().min(1).max(1_000).default(4),
      /** requests per day of the connection's zone */
      dailyQuota: z.int().min(1).max(1_000_000_000).optional(),
      /** of the quota, for probes and what people order */
      reserve: z
        .union([z.int().min(0), percent.transform((share) => ({ share }))], {
          error: 'has to be a number of requests, or a percentage as in 10%',
        })
        .optional(),
    })
    .prefault({}),
  timeout: duration.prefault('30s'),
  retry: z
    .strictObject({
      ladder: z.array(duration).min(1).max(50).prefault(LADDER),
      jitter: percent.prefault('20%'),
    })
    .prefault({}),
  breaker: z
    .strictObject({
      window: duration.prefault('10s'),
      minimum: z.int().min(1).max(10_000).default(10),
      failures: percent.prefault('50%'),
      slow: duration.prefault('10s'),
      probe: duration.prefault('5s'),
    })
    .prefault({}),
  allowPrivate: z.boolean().default(false),
});

const flow = z.strictObject({
  on: z.string(),
  from: z.array(z.string()).min(1).optional(),
  of: z.array(z.string()).min(1).optional(),
  to: z.string(),
  mapping: z.string().regex(NAME, 'a mapping name is made of a-z, 0-9 and -'),
  freshness: duration.optional(),
  value: z.strictObject({ amount: z.string(), currency: z.string() }).optional(),
});

const named = <T extends z.ZodType>(value: T) =>
  z.record(z.string().regex(NAME, 'a name is made of a-z, 0-9 and -'), value);

/** The form of `crossdock.yaml`; what holds between its parts is checked in load.ts. */
export const FILE = z.strictObject({
  version: z.literal(1, { error: 'version must be 1' }),
  tenant: z.string().regex(NAME, 'a tenant is made of a-z, 0-9 and -'),
  public: z.strictObject({ url: z.url() }).optional(),
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
