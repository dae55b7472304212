import { entityOfType, type SplitItem } from '#contracts';
import { isBadText, isJsonObject, JsonNumber, MAX_EVENT_ID, MAX_RECORD_ID, MAX_TYPE, type Json } from '#schema';
import { fingerprintOf } from './fingerprint.ts';
import { valueAt } from './pointer.ts';
import type { WebhookSettings } from './settings.ts';
import { isoInstant } from './time.ts';

/** One event as it stands in a request, whatever the scheme: nothing is judged yet. */
export interface Found {
  sourceEventId: Json | undefined;
  type: Json | undefined;
  time: Json | undefined;
  data: Json | undefined;
  /** `data` as the sender wrote it */
  dataText: string;
  traceparent: Json | undefined;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Only what can be told apart and kept makes an event; everything else about its data is judged later, in the open. */
export function itemOf(found: Found, settings: WebhookSettings): SplitItem {
  const sourceEventId = idText(found.sourceEventId, MAX_EVENT_ID);
  const refused = (what: string, detail: string): SplitItem => ({
    ok: false,
    code: `CROSSDOCK_CAPTURE_${what}`,
    detail,
    sourceEventId,
  });
  if (sourceEventId === undefined)
    return refused('EVENT_ID', problem('the event id', found.sourceEventId, MAX_EVENT_ID));
  const { type, data } = found;
  if (typeof type !== 'string' || !usable(type, MAX_TYPE)) return refused('TYPE', problem('type', type, MAX_TYPE));
  const entity = entityOfType(type);
  if (entity === '' || entity.includes(':'))
    return refused('TYPE', 'type must be <entity>.<past tense>, without a colon');
  if (!isJsonObject(data)) return refused('DATA', 'data must be the full record, an object');
  const id = valueAt(data, settings.record.id);
  const recordId = idText(id, MAX_RECORD_ID);
  if (recordId === undefined)
    return refused('RECORD_ID', problem(`the record id at ${settings.record.id} of data`, id, MAX_RECORD_ID));
  const version = versionOf(valueAt(data, settings.record.version));
  const { time, traceparent } = found;
  return {
    ok: true,
    event: {
      sourceEventId,
      type,
      entity,
      recordId,
      sourceVersion: typeof version === 'bigint' ? version : undefined,
      occurredAt: typeof time === 'string' ? isoInstant(time) : undefined,
      data: found.dataText,
      fingerprint: fingerprintOf(type, data, settings.deliveryFields),
      traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined,
      defect:
        version === 'unusable'
          ? {
              code: 'CROSSDOCK_CAPTURE_SCHEMA',
              reason: `the version at ${settings.record.version} must be a whole number of 64 bits`,
            }
          : undefined,
    },
  };
}

/** A text as it is, a whole number by its digits. */
function idText(json: Json | undefined, most: number): string | undefined {
  const text = json instanceof JsonNumber && /^-?\d+$/.test(json.text) ? json.text.replace(/^-0$/, '0') : json;
  return typeof text === 'string' && usable(text, most) ? text : undefined;
}

function usable(text: string, most: number): boolean {
  return text !== '' && !isBadText(text) && Buffer.byteLength(text) <= most;
}

/** Why it is not usable; never the value itself. */
function problem(what: string, json: Json | undefined, most: number): string {
  if (json === undefined || json === null || json === '') return `${what} is missing`;
  if (typeof json !== 'string') return `${what} must be a text or a whole number`;
  if (isBadText(json)) return `${what} holds NUL or half of a surrogate pair`;
  return `${what} is longer than ${most} bytes`;
}

/** The record's own version, a long. One that is no long must not be dropped: order would be lost without a word. */
function versionOf(json: Json | undefined): bigint | undefined | 'unusable' {
  if (json === undefined || json === null) return undefined;
  const text = json instanceof JsonNumber ? json.text : json;
  if (typeof text !== 'string' || !/^-?\d{1,19}$/.test(text)) return 'unusable';
  const version = BigInt(text);
  return BigInt.asIntN(64, version) === version ? version : 'unusable';
}
