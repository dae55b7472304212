import { ProblemError } from '#platform';
import { findBadText, isJsonObject, parseExactJson, writeExactJson, type Json } from '#schema';
import { Text } from '../api/body.ts';

export interface Edit {
  reason: string;
  /** exact JSON text */
  document: string;
}

/**
 * `{reason, document}`, read by the parser that keeps every digit: JSON.parse would round an amount of 17 digits and an id of 19.
 * Throws a problem document that never quotes the document.
 */
export function readEdit(body: Buffer | undefined): Edit {
  let json: Json;
  try {
    json = parseExactJson(body ?? Buffer.alloc(0));
  } catch {
    throw bad('the body is not JSON, or a name stands in it twice');
  }
  if (!isJsonObject(json)) throw bad('the body is a JSON object');
  const unknown = Object.keys(json).find((name) => name !== 'reason' && name !== 'document');
  if (unknown !== undefined) throw bad(`"${unknown.slice(0, 100)}" is no member here; there are: reason, document`);
  const reason = Text.safeParse(json['reason']);
  if (!reason.success) throw bad(`reason: ${reason.error.issues[0]!.message}`);
  const { document } = json;
  if (!isJsonObject(document)) throw bad('document: a JSON object, the whole document as it should be sent');
  const unkept = findBadText(document);
  if (unkept !== undefined) throw bad(`document: the text at ${unkept} holds characters that cannot be stored`);
  return { reason: reason.data, document: writeExactJson(document) };
}

const bad = (detail: string): ProblemError => new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', detail);
