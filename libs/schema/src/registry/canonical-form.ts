import { createHash } from 'node:crypto';
import { BY_NAME, isSchemaNode } from '../target/json-schema.ts';

/** What people read and machines do not: changing it makes no new version. */
const PROSE = new Set(['doc', 'title', 'description', '$comment', 'examples', 'order']);

/**
 * The hash that makes two schemas one version: over the definition without prose and `x-` attributes, keys sorted.
 * Not Avro's own canonical form, which drops logical types: there a decimal's scale could change unseen.
 */
export function canonicalHash(definition: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(definition, false)))
    .digest('hex');
}

/** `named`: the keys are names that people chose (`properties`), not keywords. */
function canonical(value: unknown, named: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => canonical(item, false));
  if (!isSchemaNode(value)) return value;
  const keys = Object.keys(value).filter((key) => named || (!PROSE.has(key) && !key.startsWith('x-')));
  return keys.sort().map((key) => [key, canonical(value[key], !named && (BY_NAME as readonly string[]).includes(key))]);
}
