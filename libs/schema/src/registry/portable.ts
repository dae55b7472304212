import { BY_NAME, isSchemaNode } from '../target/json-schema.ts';

/**
 * A target's JSON Schema as registries hand it out, for whoever reads documents from a topic:
 *
 * - without `required`: on a topic the fields that only delivery can fill are still open, so they are absent;
 * - without `$schema`, `$id`, `format` and `x-` attributes: what stays means the same in every draft. Clients validate what they
 *   read, and a validator that is strict about drafts or formats (ajv by default, so the registry clients of npm) refuses a
 *   document whose schema names one that it does not carry;
 * - without `multipleOf`: 26189.11 is no multiple of 0.01 to a validator that computes in binary.
 *
 * Delivery validates against the whole schema before the first attempt.
 */
export function portable(value: unknown, named = false): unknown {
  if (Array.isArray(value)) return value.map((item) => portable(item));
  if (!isSchemaNode(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => named || !(DROPPED.has(key) || key.startsWith('x-')))
      .map(([key, item]) => [key, portable(item, !named && (BY_NAME as readonly string[]).includes(key))]),
  );
}

const DROPPED = new Set(['$schema', '$id', 'format', 'required', 'multipleOf']);
