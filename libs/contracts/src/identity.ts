import { hash } from 'node:crypto';
import type { Operation } from './connector.ts';

/** Namespaces of our derived ids (random, fixed for ever: changing one changes every id). */
const EVENT_NAMESPACE = 'f0f6a2a4-62a6-4ef2-8f0e-0a3bb3c6c9d1';
const DOCUMENT_NAMESPACE = '2b0c4d53-7f5e-4c4f-9d0a-7a6f1f1b7e5c';

/**
 * `{tenant}:{entity}:{record id}`: the key of log records, lanes and cross-references. The record id already carries
 * the connection's `idPrefix`.
 */
export function recordKey(tenant: string, entity: string, recordId: string): string {
  return `${tenant}:${entity}:${recordId}`;
}

/** The parts of a record key. Tenant and entity hold no colon; the record id may. */
export function parseRecordKey(key: string): { tenant: string; entity: string; recordId: string } {
  const first = key.indexOf(':');
  const second = key.indexOf(':', first + 1);
  if (first < 1 || second < 0) throw new Error(`not a record key: ${JSON.stringify(key)}`);
  return { tenant: key.slice(0, first), entity: key.slice(first + 1, second), recordId: key.slice(second + 1) };
}

/**
 * The id of an event, derived from the fact and never minted, so that a repeat of the same fact has the same id.
 * `source` is the connection's name.
 */
export function eventId(fact: {
  tenant: string;
  source: string;
  entity: string;
  recordId: string;
  sourceEventId: string;
}): string {
  return uuidV5(EVENT_NAMESPACE, [fact.tenant, fact.source, fact.entity, fact.recordId, fact.sourceEventId]);
}

/** The id of the document that one flow makes of one event; `original` is `replayof` where set, else the event's id. */
export function documentId(original: string, flow: string, document: string): string {
  return uuidV5(DOCUMENT_NAMESPACE, [original, flow, document]);
}

/**
 * The request key: the document id, with what makes it another request appended. A repeat of the same request has the
 * same key.
 */
export function requestKey(of: {
  documentId: string;
  revision: number;
  operation: Operation;
  adopted: boolean;
}): string {
  const parts = [of.documentId];
  if (of.revision > 1) parts.push(`r${of.revision}`);
  if (of.operation === 'cancel') parts.push('cancel');
  else if (of.operation === 'reverse') parts.push('reversal');
  else if (of.adopted) parts.push('adopt');
  return parts.join(':');
}

/** RFC 9562 version 5 over the parts, each prefixed by its length so that no two lists of parts collide. */
function uuidV5(namespace: string, parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  const hex = hash(
    'sha1',
    Buffer.concat([Buffer.from(namespace.replaceAll('-', ''), 'hex'), Buffer.from(text)]),
    'hex',
  );
  const variant = ((parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
