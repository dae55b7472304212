import { JsonNumber } from './value.ts';
import type { Json } from './value.ts';

/**
 * Text that is JSON but that no database and no ERP keeps: NUL, and surrogates without their partner. Gives the path
 * of the first such key or string (`lines[2].description`), or undefined. Linear.
 */
export function findBadText(json: Json): string | undefined {
  return find(json, '');
}

/** True when text holds NUL or a lone surrogate. */
export function isBadText(text: string): boolean {
  return !text.isWellFormed() || text.includes('\0');
}

function find(json: Json, path: string): string | undefined {
  if (typeof json === 'string') return isBadText(json) ? path : undefined;
  if (json === null || typeof json === 'boolean' || json instanceof JsonNumber) return undefined;
  if (Array.isArray(json)) {
    for (let index = 0; index < json.length; index++) {
      const bad = find(json[index]!, `${path}[${index}]`);
      if (bad !== undefined) return bad;
    }
    return undefined;
  }
  for (const name of Object.keys(json)) {
    if (isBadText(name)) return path;
    const bad = find(json[name]!, memberPath(path, name));
    if (bad !== undefined) return bad;
  }
  return undefined;
}

/** `custom.region`, `custom["a b"]`: the path notation of mappings. */
export function memberPath(path: string, name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path ? `${path}.${name}` : name;
}
