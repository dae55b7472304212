import type { RawRequest, Split } from '#contracts';
import { isJsonObject, type Json, type JsonObject } from '#schema';
import { isJsonType, mediaType, parseBody, refuseBody, refuseContentType } from './body.ts';
import { itemOf } from './item.ts';
import { valueAt } from './pointer.ts';
import { memberText } from './raw-json.ts';
import type { WebhookSettings } from './settings.ts';

/** `{"type": ..., "timestamp": ..., "data": {...}}`: what standard-webhooks, hmac and none carry. */
export function splitPlain(
  request: RawRequest,
  settings: WebhookSettings,
  eventId: (request: RawRequest, body: JsonObject) => Json | undefined,
): Split {
  if (!isJsonType(mediaType(request.headers['content-type']))) return refuseContentType('application/json');
  const parsed = parseBody(request.body);
  if (!parsed.ok) return parsed;
  const { json, text } = parsed;
  if (!isJsonObject(json)) return refuseBody('BODY', 'the body must be an object with type, timestamp and data');
  const item = itemOf(
    {
      sourceEventId: eventId(request, json),
      type: json['type'],
      time: json['timestamp'],
      data: json['data'],
      dataText: memberText(text, 'data') ?? '',
      traceparent: request.headers['traceparent'],
    },
    settings,
  );
  return { ok: true, items: [item] };
}

/** Where `eventId` says; without it the header `webhook-id`, else `/id` of the body. */
export function namedEventId(settings: WebhookSettings): (request: RawRequest, body: JsonObject) => Json | undefined {
  const { header, path } = settings.eventId ?? {};
  if (header !== undefined) return (request) => request.headers[header];
  if (path !== undefined) return (_request, body) => valueAt(body, path);
  return (request, body) => request.headers['webhook-id'] ?? body['id'];
}
