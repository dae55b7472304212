import { findBadText, isJsonObject, parseExactJson, writeExactJson, type Json, type SchemaSet } from '#schema';
import { hasPlace } from '../core/body.ts';
import { contentHashOf } from '../core/content.ts';
import { repeatWord } from '../core/resolver.ts';
import type { Delivery } from '../core/lane.ts';
import { edit } from '../core/revision.ts';
import { REVIEWED } from '../sql/load.ts';
import { REVISE, type NewRevision } from '../sql/revise.ts';
import { lockSubject, onDelivery, retry } from './delivery-orders.ts';
import { refuse, type Answer, type OrderContext } from './order.ts';

/**
 * A person corrects what is to be sent: the document becomes a new revision, which goes out like any other. What the document leaves open
 * is still filled in by delivery; a value that the person put there stands.
 */
export async function editBody(context: OrderContext, schemas: SchemaSet): Promise<Answer> {
  const { tx, order, settled } = context;
  const given = documentOf(order.target);
  if (typeof given === 'string') return refuse(given);
  const subject = await lockSubject(context);
  if ('refused' in subject) return subject;
  const { lane, delivery, declaration } = subject;
  const decided = edit({ lane, delivery, declaration, newer: false });
  if (decided.do === 'nothing') return refuse(decided.why);
  const open = delivery.open.filter((field) => hasPlace(given, field.pointer));
  const wrong = open.length === 0 ? schemas.target(declaration.schema)?.validate(given)[0] : undefined;
  if (wrong !== undefined) return refuse(`${wrong.path || '/'}: ${wrong.message}`);
  const [made] = await tx.query<{ revision: number }>(REVISE, [
    delivery.id,
    JSON.stringify(
      revisionOf({ kind: 'document', body: writeExactJson(given), open, createOnly: delivery.createOnly }, order.id),
    ),
    true,
  ]);
  settled.push({ recorded: new Set(), rows: [], woken: [lane.connection] });
  return { done: { deliveryId: String(delivery.id), status: 'PENDING', revision: made!.revision } };
}

/**
 * Try again now. What the target refused goes out as a new revision where the request of before would be of no use: what the document leaves
 * open may have been filled in otherwise since, and who knows our idempotency key answers it as it did then.
 */
export async function retryNow(context: OrderContext): Promise<Answer> {
  const { tx, order, settled } = context;
  const subject = await lockSubject(context);
  if ('refused' in subject) return subject;
  const { lane, delivery, attempts, declaration } = subject;
  const last = attempts.at(-1);
  const useless =
    last?.outcome === 'rejected' &&
    (delivery.open.length > 0 || repeatWord(declaration, last.operation) === 'by-idempotency-key');
  if (!useless || 'refused' in retry(subject)) return onDelivery(context, retry);
  const [made] = await tx.query<{ revision: number }>(REVISE, [
    delivery.id,
    JSON.stringify(revisionOf(delivery, order.id)),
    true,
  ]);
  settled.push({ recorded: new Set(), rows: [], woken: [lane.connection] });
  return { done: { deliveryId: String(delivery.id), status: 'PENDING', revision: made!.revision } };
}

/** The document, or what is wrong with it. Exact: its digits are those that the person wrote. */
function documentOf(target: unknown): Json | string {
  const text = typeof target === 'object' && target !== null && 'body' in target ? target.body : undefined;
  if (typeof text !== 'string') return 'the document is needed, as JSON text';
  let json: Json;
  try {
    json = parseExactJson(text);
  } catch (cause) {
    return `the document is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  if (!isJsonObject(json)) return 'the document must be a JSON object';
  const bad = findBadText(json);
  return bad === undefined ? json : `the text at ${bad} holds characters that cannot be kept`;
}

function revisionOf(
  { kind, body, open, createOnly }: Pick<Delivery, 'kind' | 'body' | 'open' | 'createOnly'>,
  command: string,
): NewRevision {
  const lists = { open: JSON.stringify(open), createOnly: JSON.stringify(createOnly) };
  return {
    kind,
    body,
    open: lists.open,
    create_only: lists.createOnly,
    content_hash: contentHashOf({ kind, body, ...lists, review: null }),
    origin: 'edit',
    bundle: null,
    command_id: command,
    review: REVIEWED,
    reason: null,
    amount: null,
    currency: null,
  };
}
