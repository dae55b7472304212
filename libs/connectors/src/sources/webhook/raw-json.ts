/**
 * Slices of JSON text that a parser has accepted already: a record is kept as its sender wrote it, spaces and escapes
 * included. Linear, and no check is repeated.
 */

/** The text of an object's member. */
export function memberText(json: string, name: string): string | undefined {
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[at] === '"') {
    const keyEnd = skipString(json, at);
    const valueStart = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const valueEnd = skipValue(json, valueStart);
    if (JSON.parse(json.slice(at, keyEnd)) === name) return json.slice(valueStart, valueEnd);
    at = skipSpace(json, skipSpace(json, valueEnd) + 1);
  }
  return undefined;
}

/** The texts of a list's items. */
export function itemTexts(json: string): string[] {
  const items: string[] = [];
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (at < json.length && json[at] !== ']') {
    const end = skipValue(json, at);
    items.push(json.slice(at, end));
    at = skipSpace(json, skipSpace(json, end) + 1);
  }
  return items;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return at;
}

/** From the opening quote to behind the closing one. */
function skipString(json: string, from: number): number {
  let at = from + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipValue(json: string, from: number): number {
  let at = from;
  let depth = 0;
  for (; at < json.length;) {
    const character = json[at]!;
    if (character === '"') at = skipString(json, at);
    else if (character === '{' || character === '[') {
      depth++;
      at++;
    } else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth--;
      at++;
    } else if (depth === 0 && (character === ',' || skipSpace(json, at) !== at)) return at;
    else {
      at++;
      continue;
    }
    if (depth === 0) return at;
  }
  return at;
}
