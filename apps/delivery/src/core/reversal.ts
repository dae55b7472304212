import type { DocumentDeclaration } from '#contracts';
import { isJsonObject, jsonObject, parseExactJson, writeExactJson, type Json } from '#schema';
import type { Validator } from './validator.ts';

/** What takes the live posting back: the exact JSON of a second posting, null for a request without a body, or why there is none. */
export type Reversal = { ok: true; body: string | null } | { ok: false; reason: string };

/**
 * The reversal of a posting, built from the bytes that were sent (`posted`), never from what the record is by now. By swap it is a
 * create whose lines have two fields exchanged; digits and order of everything stay.
 */
export function reversalOf(
  posted: string | undefined,
  declaration: DocumentDeclaration,
  schema: Validator | undefined,
): Reversal {
  const swap = declaration.reverseBySwap;
  if (swap === undefined) return { ok: true, body: null };
  if (posted === undefined)
    return { ok: false, reason: 'what was posted was not sent from here: it has to be reversed by hand' };
  const seen = { swapped: false };
  const json = swapped(parseExactJson(posted), swap, false, seen);
  if (!seen.swapped)
    return { ok: false, reason: `no line of what was posted has ${swap.join(' or ')}: nothing would be reversed` };
  const first = schema?.validate(json)[0];
  if (first !== undefined)
    return { ok: false, reason: `the reversal is not valid at ${first.path || '/'}: ${first.message}` };
  return { ok: true, body: writeExactJson(json) };
}

/** The lines are the objects within lists, however deep. */
function swapped(
  json: Json,
  [one, other]: readonly [string, string],
  inList: boolean,
  seen: { swapped: boolean },
): Json {
  if (Array.isArray(json)) return json.map((item) => swapped(item, [one, other], true, seen));
  if (!isJsonObject(json)) return json;
  const result = jsonObject();
  for (const [name, value] of Object.entries(json)) {
    const exchanged = inList && (name === one || name === other);
    if (exchanged) seen.swapped = true;
    result[!exchanged ? name : name === one ? other : one] = swapped(value, [one, other], false, seen);
  }
  return result;
}
