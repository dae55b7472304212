import { JsonNumber } from './value.ts';
import type { Json } from './value.ts';

/**
 * Text that is JSON but that no database and no ERP keeps: NUL, and surrogates without their partner. Gives the path
 * of the first such key or string (`lines[2].description`), or undefined. Linear.
 */
export function findBadText(json: Json): string | undefined {
  const steps = find(json);
  return steps?.reduceRight((path: string, step) => {
    return typeof step === 'number' ? `${path}[${step}]` : memberPath(path, step);
  }, '');
}

/** True when text holds NUL or a lone surrogate. */
export function isBadText(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0) return true;
    if (code >= 0xd800 && code <= 0xdfff) return !text.isWellFormed() || text.includes('\0');
  }
  return false;
}

/** The steps to the bad text, innermost first: no path is built while all is well. */
function find(json: Json): (string | number)[] | undefined {
  if (typeof json === 'string') return isBadText(json) ? [] : undefined;
  if (json === null || typeof json === 'boolean' || json instanceof JsonNumber) return undefined;
  if (Array.isArray(json)) {
    for (let index = 0; index < json.length; index++) {
      const bad = find(json[index]!);
      if (bad) return [...bad, index];
    }
    return undefined;
  }
  for (const name of Object.keys(json)) {
    if (isBadText(name)) return [];
    const bad = find(json[name]!);
    if (bad) return [...bad, name];
  }
  return undefined;
}

/** `custom.region`, `custom["a b"]`: the path notation of mappings. */
export function memberPath(path: string, name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path ? `${path}.${name}` : name;
}
