/** What may stand in a path; `id` is the target's id of the record, `recordId` the one its source knows. */
export interface Placeholders {
  key: string;
  recordId?: string;
  id?: string;
  requestKey: string;
}

/**
 * The record id of a key without the connection's idPrefix: what the system calls the record that it sent us itself, for a
 * connection that writes back to it. Undefined for a record of another source.
 */
export function recordIdOf(key: string, idPrefix: string): string | undefined {
  const recordId = /^[^:]+:[^:]+:(.+)$/s.exec(key)?.[1];
  return recordId?.startsWith(idPrefix) ? recordId.slice(idPrefix.length) : undefined;
}

/** The names between braces, or undefined when a brace stands alone. */
export function placeholders(template: string): string[] | undefined {
  if (/[{}]/.test(template.replace(/\{\w+\}/g, ''))) return undefined;
  return [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
}

/**
 * The path with every value percent-encoded (RFC 3986 unreserved characters stay), so that no key can add a segment or
 * a parameter. Undefined when a value cannot stand in a path: missing, empty, a dot segment, or text that is not
 * Unicode. A dot segment stays one even percent-encoded, and a server may resolve it.
 */
export function fill(template: string, values: Placeholders): string | undefined {
  let usable = true;
  const path = template.replace(/\{(key|recordId|id|requestKey)\}/g, (_, name: keyof Placeholders) => {
    const value = values[name];
    if (value && value !== '.' && value !== '..' && value.isWellFormed()) return encode(value);
    usable = false;
    return '';
  });
  return usable ? path : undefined;
}

/** `encodeURIComponent` leaves five characters that RFC 3986 reserves. */
const encode = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** In a body, a value that is exactly `$requestKey` becomes the request key; digits, order and spaces of the rest stay. */
export function withRequestKey(body: string, requestKey: string): string {
  return body.replace(/(?<!\\)"\$requestKey"/g, () => JSON.stringify(requestKey));
}
