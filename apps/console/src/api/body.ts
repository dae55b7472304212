import { z } from 'zod';
import { ProblemError } from '#platform';

const MOST_BYTES = 256 * 1024;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** A request's JSON body in the declared shape; an absent body reads as `{}`. Unknown members are refused by the shape. */
export function readBody<T>(body: Buffer | undefined, shape: z.ZodType<T>): T {
  if (body !== undefined && body.length > MOST_BYTES)
    throw new ProblemError(413, 'CROSSDOCK_API_TOO_LARGE', `a body here has at most ${MOST_BYTES} bytes`);
  const result = shape.safeParse(parse(body));
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', issues.join('; '));
}

function parse(body: Buffer | undefined): unknown {
  if (body === undefined || body.length === 0) return {};
  try {
    return JSON.parse(UTF8.decode(body));
  } catch {
    throw new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', 'the body is not JSON');
  }
}

/** Text that PostgreSQL can keep and a person can read. */
export const Text = z
  .string()
  .trim()
  .min(1)
  .max(2_000)
  .refine((text) => !text.includes('\0') && text.isWellFormed(), 'holds characters that cannot be stored');
