import { JsonNumber, parseExactJson, type Json } from '#schema';

/** ERP answers nest deeper than our own records may; still bounded. */
const MAX_DEPTH = 512;

/**
 * The body as exact JSON, or undefined when it is none. RFC 8259 wants UTF-8 without a byte order mark; older ERPs send
 * one, or their country's character set, and say so in the content type.
 */
export function readJson(body: Buffer, contentType: string | undefined): Json | undefined {
  const charset = /;\s*charset="?([\w-]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return parseExactJson(new TextDecoder(charset, { fatal: true }).decode(body), { maxDepth: MAX_DEPTH });
  } catch {
    return undefined; // what was wrong with it is the target's business; the caller says what it could not find
  }
}

/** The value a JSON pointer (RFC 6901) names, or undefined where there is none. */
export function at(json: Json | undefined, pointer: string): Json | undefined {
  let here = json;
  for (const escaped of pointer.split('/').slice(1)) {
    const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof here !== 'object' || here === null || here instanceof JsonNumber) return undefined;
    if (Array.isArray(here)) here = /^(0|[1-9]\d*)$/.test(name) ? here[Number(name)] : undefined;
    else here = Object.hasOwn(here, name) ? here[name] : undefined;
  }
  return here;
}

/** Text as it is, a number by its digits: ids of 19 digits keep every one. Undefined for anything else. */
export function textOf(json: Json | undefined): string | undefined {
  if (json instanceof JsonNumber) return json.text;
  return typeof json === 'string' && json !== '' ? json : undefined;
}
