import { z } from 'zod';
import { Secret, type SettingsValue } from '#contracts';
import type { Checked, SettingsFinding } from './target-connector.ts';

/** The pieces that settings of connectors are made of, and how zod's issues become findings that help. */

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `200ms, 5s, 2m, 1h, 7d` in ms. */
export const duration = () =>
  z
    .string('a duration such as 200ms, 5s, 2m, 1h or 7d')
    .regex(/^\d{1,9}(ms|s|m|h|d)$/, 'a duration such as 200ms, 5s, 2m, 1h or 7d')
    .transform((text) => Number.parseInt(text, 10) * UNIT_MS[text.replace(/^\d+/, '') as keyof typeof UNIT_MS]);

/** Only what the configuration resolved from `{ env }`, `{ file }` or `{ generated }`; a plain string is a mistake. */
export const secret = () =>
  z.custom<Secret>((value) => value instanceof Secret, {
    error: 'a secret never stands in the file: write { env: NAME }, { file: path } or { generated: name }',
  });

/** RFC 6901. */
export const pointer = () =>
  z.string().regex(/^(\/([^~/]|~[01])*)*$/, 'a JSON pointer such as /id or /data/0/id (RFC 6901)');

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
    const meant = nearest(key, known.split(', '));
    return {
      path: [...path, key],
      message: `unknown setting ${key}`,
      suggestion: meant === undefined ? `known here: ${known}` : `did you mean ${meant}?`,
    };
  });
}

function missing(issue: z.core.$ZodIssue): string | undefined {
  const absent = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return absent ? `${String(issue.path.at(-1) ?? 'settings')} is missing` : undefined;
}

/** The known name within two edits, if any. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((each) => ({ each, edits: distance(name.toLowerCase(), each.toLowerCase()) }));
  return ranked.filter(({ edits }) => edits <= 2).sort((a, b) => a.edits - b.edits)[0]?.each;
}

/** Levenshtein, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
