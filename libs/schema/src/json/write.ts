import { JsonNumber } from './value.ts';
import type { Json } from './value.ts';

/**
 * The shortest text of a value: no spaces, keys in the order they were set (JavaScript
 * puts whole-number keys first), numbers digit for digit, lone surrogates
 * escaped. The same tree gives the same bytes, so documents can be compared and frozen as text.
 */
export function writeExactJson(json: Json): string {
  if (json === null) return 'null';
  if (typeof json === 'string') return quoted(json);
  if (typeof json === 'boolean') return json ? 'true' : 'false';
  if (json instanceof JsonNumber) return json.text;
  if (Array.isArray(json)) {
    let text = '[';
    for (let index = 0; index < json.length; index++) text += (index ? ',' : '') + writeExactJson(json[index]!);
    return text + ']';
  }
  if (typeof json !== 'object') throw new TypeError(`not exact JSON: ${typeof json}`);
  let text = '';
  for (const name of Object.keys(json)) text += (text ? ',' : '') + quoted(name) + ':' + writeExactJson(json[name]!);
  return `{${text}}`;
}

const LONGEST_LOOP = 64; // beyond that the call into V8 pays off

/** As JSON.stringify has it; most texts need no escape, and a look is cheaper than the call. */
function quoted(text: string): string {
  if (text.length > LONGEST_LOOP) return JSON.stringify(text);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x22 || code === 0x5c || (code >= 0xd800 && code <= 0xdfff))
      return JSON.stringify(text);
  }
  return `"${text}"`;
}
