import { z } from 'zod';
import { didYouMean, parseDuration, Secret, type SettingsValue } from '#contracts';
import type { Checked, SettingsFinding } from './target-connector.ts';

/** The pieces that settings of connectors are made of, and how zod's issues become findings that help. */

/** What a value is, as docs/reference/configuration.md says it; `describe` says what a setting does there. */
export const kind = (title: string): { title: string } => ({ title });

/** `200ms, 5s, 2m, 1h, 7d` in ms. */
export const duration = () =>
  z
    .string('a duration such as 200ms, 5s, 2m, 1h or 7d')
    .regex(/^\d{1,9}(ms|s|m|h|d)$/, 'a duration such as 200ms, 5s, 2m, 1h or 7d')
    .transform((text) => parseDuration(text)!)
    .meta(kind('duration'));

/** Only what the configuration resolved from `{ env }`, `{ file }` or `{ generated }`; a plain string is a mistake. */
export const secret = () =>
  z
    .custom<Secret>((value) => value instanceof Secret, {
      error: 'a secret never stands in the file: write { env: NAME }, { file: path } or { generated: name }',
    })
    .meta(kind('secret'));

/** RFC 6901. */
export const pointer = () =>
  z
    .string()
    .regex(/^(\/([^~/]|~[01])*)*$/, 'a JSON pointer such as /id or /data/0/id (RFC 6901)')
    .meta(kind('JSON pointer'));

/** An object that knows its names: an unknown one is a finding of its own, with the name that was probably meant. */
export const strict = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : undefined),
  });

export function checkSettings<Schema extends z.ZodType>(
  schema: Schema,
  settings: SettingsValue,
): Checked<z.output<Schema>> {
  const parsed = schema.safeParse(settings);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, findings: parsed.error.issues.flatMap(toFindings) };
}

function toFindings(issue: z.core.$ZodIssue): SettingsFinding[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code !== 'unrecognized_keys') return [{ path, message: missing(issue) ?? issue.message }];
  return issue.keys.map((key) => {
    const known = issue.message;
    return {
      path: [...path, key],
      message: `unknown setting ${key}`,
      suggestion: didYouMean(key, known.split(', ')) ?? `known here: ${known}`,
    };
  });
}

function missing(issue: z.core.$ZodIssue): string | undefined {
  const absent = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return absent ? `${String(issue.path.at(-1) ?? 'settings')} is missing` : undefined;
}
