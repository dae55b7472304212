import { isUtf8 } from 'node:buffer';
import type { RawRequest, Split, SplitItem } from '#contracts';
import { isJsonObject, JsonError, parseExactJson, type Json, type JsonObject } from '#schema';
import { isJsonType, mediaType, parseBody, refuseBody, refuseContentType } from './body.ts';
import { itemOf } from './item.ts';
import { itemTexts, memberText } from './raw-json.ts';
import type { WebhookSettings } from './settings.ts';

/**
 * CloudEvents 1.0 over HTTP: the media type tells the three forms apart. Binary: attributes are `ce-*` headers and the
 * body is the record; structured: the body is the event; batch: a list of such events.
 */
export function splitCloudEvents(request: RawRequest, settings: WebhookSettings): Split {
  const type = mediaType(request.headers['content-type']);
  const form = type?.startsWith('application/cloudevents') ? type.slice('application/cloudevents'.length) : '';
  if (form === '+json') return structured(request, settings);
  if (form === '-batch+json') return batch(request, settings);
  if (form !== '' || !isJsonType(type))
    return refuseContentType('application/json with ce-* headers, application/cloudevents+json or -batch+json');
  return binary(request, settings);
}

function binary(request: RawRequest, settings: WebhookSettings): Split {
  const parsed = parseBody(request.body);
  if (!parsed.ok) return parsed;
  const attributes: JsonObject = Object.create(null) as JsonObject;
  for (const [name, value] of Object.entries(request.headers))
    if (name.startsWith('ce-')) attributes[name.slice('ce-'.length)] = decodeHeader(value);
  attributes['traceparent'] ??= request.headers['traceparent'] ?? null;
  return { ok: true, items: [event(attributes, parsed.json, parsed.text, settings)] };
}

function structured(request: RawRequest, settings: WebhookSettings): Split {
  const parsed = parseBody(request.body);
  if (!parsed.ok) return parsed;
  if (!isJsonObject(parsed.json)) return refuseBody('BODY', 'the body must be one CloudEvent, an object');
  return { ok: true, items: [complete(parsed.json, parsed.text, settings)] };
}

function batch(request: RawRequest, settings: WebhookSettings): Split {
  const parsed = parseBody(request.body);
  if (!parsed.ok) return parsed;
  if (!Array.isArray(parsed.json)) return refuseBody('BODY', 'the body must be a list of CloudEvents');
  const texts = itemTexts(parsed.text);
  return { ok: true, items: parsed.json.map((each, index) => complete(each, texts[index]!, settings)) };
}

/** An event that carries its attributes beside `data`. */
function complete(json: Json, text: string, settings: WebhookSettings): SplitItem {
  if (!isJsonObject(json))
    return { ok: false, code: 'CROSSDOCK_CAPTURE_BODY', detail: 'each item must be one CloudEvent, an object' };
  const base64 = json['data_base64'];
  if (base64 !== undefined && json['data'] === undefined) {
    const data = decodeData(base64);
    return event(json, data?.json, data?.text ?? '', settings);
  }
  return event(json, json['data'], memberText(text, 'data') ?? '', settings);
}

function event(attributes: JsonObject, data: Json | undefined, dataText: string, settings: WebhookSettings): SplitItem {
  const { specversion, source, id, datacontenttype } = attributes;
  const refused = (what: string, detail: string): SplitItem => ({
    ok: false,
    code: `CROSSDOCK_CAPTURE_${what}`,
    detail,
  });
  if (specversion !== '1.0') return refused('SPECVERSION', 'specversion must be 1.0');
  if (typeof datacontenttype === 'string' && !isJsonType(mediaType(datacontenttype)))
    return refused('DATA', 'the data must be JSON');
  return itemOf(
    {
      sourceEventId: eventId(source, id),
      type: attributes['type'],
      time: attributes['time'],
      data,
      dataText,
      traceparent: attributes['traceparent'],
    },
    settings,
  );
}

/**
 * `source` and `id` together are unique. The length in front keeps one source from writing an id that reads as
 * another's: ("a", "b/c") and ("a/b", "c") differ.
 */
function eventId(source: Json | undefined, id: Json | undefined): Json | undefined {
  if (typeof source !== 'string' || source === '' || typeof id !== 'string' || id === '') return undefined;
  return `${Buffer.byteLength(source)}:${source}${id}`;
}

/** The HTTP binding percent-encodes what a header cannot carry; text that is not such an encoding is taken as it is. */
function decodeHeader(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function decodeData(base64: Json): { json: Json; text: string } | undefined {
  if (typeof base64 !== 'string') return undefined;
  const bytes = Buffer.from(base64, 'base64');
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  try {
    return { json: parseExactJson(text), text };
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
