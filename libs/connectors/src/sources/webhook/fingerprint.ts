import { createHash } from 'node:crypto';
import { isJsonObject, writeExactJson, type Json } from '#schema';
import { without } from './pointer.ts';

/**
 * What says whether two requests with one event id have one content: type and record, with the keys in order, since some
 * senders serialise anew for each attempt. Numbers count by their text. What stands around the record (send time,
 * attempt counter) changes from attempt to attempt and does not count, nor do the fields named as such.
 */
export function fingerprintOf(type: string, data: Json, deliveryFields: readonly string[]): string {
  const content = deliveryFields.reduce(without, data);
  return createHash('sha256')
    .update(`${Buffer.byteLength(type)}:${type}`)
    .update(inOrder(content))
    .digest('hex');
}

function inOrder(json: Json): string {
  if (Array.isArray(json)) return `[${json.map(inOrder).join(',')}]`;
  if (!isJsonObject(json)) return writeExactJson(json);
  const members = Object.keys(json)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${inOrder(json[name]!)}`);
  return `{${members.join(',')}}`;
}
