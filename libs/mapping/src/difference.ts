import { Decimal } from '#contracts';
import { isJsonObject, JsonNumber, writeExactJson } from '#schema';
import type { Json } from '#schema';

/** How two JSON values differ, one line per place, by path: `lines[1].amount: expected "1.00", got "1.01"`. */
export function differences(expected: Json, actual: Json, path: string): string[] {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const lines: string[] = [];
    for (let index = 0; index < Math.max(expected.length, actual.length); index++) {
      const place = `${path}[${index}]`;
      if (index >= actual.length) lines.push(`${place}: expected ${show(expected[index]!)}, got nothing`);
      else if (index >= expected.length) lines.push(`${place}: expected nothing, got ${show(actual[index]!)}`);
      else lines.push(...differences(expected[index]!, actual[index]!, place));
    }
    return lines;
  }
  if (isJsonObject(expected) && isJsonObject(actual)) {
    const lines: string[] = [];
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const place = path === '' ? name : `${path}.${name}`;
      if (!(name in actual)) lines.push(`${place}: expected ${show(expected[name]!)}, got nothing`);
      else if (!(name in expected)) lines.push(`${place}: expected nothing, got ${show(actual[name]!)}`);
      else lines.push(...differences(expected[name]!, actual[name]!, place));
    }
    return lines;
  }
  return same(expected, actual) ? [] : [`${path || 'the value'}: expected ${show(expected)}, got ${show(actual)}`];
}

/** Numbers are equal by value, text by its characters; the number 1 and the text "1" are not equal. */
function same(expected: Json, actual: Json): boolean {
  if (expected instanceof JsonNumber && actual instanceof JsonNumber)
    return new Decimal(expected.text).equals(actual.text);
  return expected === actual;
}

function show(json: Json): string {
  const text = writeExactJson(json);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
