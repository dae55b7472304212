/** Where the value at a path stands in JSON text, line and column from 1; the closest parent that exists, if it does not. */
export function locate(text: string, path: readonly (string | number)[]): { line: number; column: number } {
  let at = space(text, 0);
  for (const step of path) {
    const next =
      text[at] === '{' ? member(text, at, String(step)) : text[at] === '[' ? item(text, at, Number(step)) : -1;
    if (next < 0) break;
    at = next;
  }
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}

const STRING = /"(?:[^"\\]|\\.)*"/y;
const SPACE = /[ \t\r\n]*/y;
const SCALAR = /[^\s,\]}]+/y;

function member(text: string, open: number, name: string): number {
  let at = space(text, open + 1);
  while (text[at] === '"') {
    const end = match(STRING, text, at);
    const value = space(text, space(text, end) + 1);
    if ((JSON.parse(text.slice(at, end)) as string) === name) return value;
    at = space(text, skip(text, value));
    if (text[at] !== ',') return -1;
    at = space(text, at + 1);
  }
  return -1;
}

function item(text: string, open: number, index: number): number {
  let at = space(text, open + 1);
  for (let count = 0; text[at] !== ']'; count++) {
    if (count === index) return at;
    at = space(text, skip(text, at));
    if (text[at] !== ',') return -1;
    at = space(text, at + 1);
  }
  return -1;
}

/** The end of the value that begins here; the text is known to be JSON. */
function skip(text: string, at: number): number {
  if (text[at] === '"') return match(STRING, text, at);
  if (text[at] !== '{' && text[at] !== '[') return match(SCALAR, text, at);
  let depth = 0;
  do {
    if (text[at] === '"') {
      at = match(STRING, text, at);
      continue;
    }
    if (text[at] === '{' || text[at] === '[') depth++;
    if (text[at] === '}' || text[at] === ']') depth--;
    at++;
  } while (depth > 0 && at < text.length);
  return at;
}

function space(text: string, at: number): number {
  return match(SPACE, text, at);
}

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : text.length;
}
