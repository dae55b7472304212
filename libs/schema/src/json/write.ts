import { JsonNumber } from './value.ts';
import type { Json } from './value.ts';

/**
 * The shortest text of a value: no spaces, keys in the order they were set, numbers digit for digit, lone surrogates
 * escaped. The same tree gives the same bytes, so documents can be compared and frozen as text.
 */
export function writeExactJson(json: Json): string {
  if (json === null) return 'null';
  if (typeof json === 'string') return JSON.stringify(json);
  if (typeof json === 'boolean') return json ? 'true' : 'false';
  if (json instanceof JsonNumber) return json.text;
  if (Array.isArray(json)) {
    let text = '[';
    for (let index = 0; index < json.length; index++) text += (index ? ',' : '') + writeExactJson(json[index]!);
    return text + ']';
  }
  if (typeof json !== 'object') throw new TypeError(`not exact JSON: ${typeof json}`);
  let text = '';
  for (const name of Object.keys(json))
    text += (text ? ',' : '') + JSON.stringify(name) + ':' + writeExactJson(json[name]!);
  return `{${text}}`;
}
