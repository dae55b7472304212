import type { Queryable } from '#db';
import { iso, long, opt } from '../api/json.ts';
import { detailsOf, type DeliveryDetail } from '../deliveries/detail.ts';
import { DELIVERY_COLUMNS, type DeliveryRow } from '../deliveries/delivery-row.ts';
import { aftermathOf, type Aftermath } from './aftermath.ts';
import type { EventRow } from './events-of-record.ts';

interface DeliveredRow extends DeliveryRow {
  event_topic: string;
  event_partition: number;
  event_offset: bigint;
  event_logged_at: Date;
}

/** `order by id` is the order of arrival at delivery. */
const OF_EVENTS = `
  select ${DELIVERY_COLUMNS}, d.event_topic, d.event_partition, d.event_offset, d.event_logged_at
  from delivery d where d.event_id = any($1::uuid[]) order by d.id`;

export type TimelineEvent = ReturnType<typeof timelineEvent>;

/** Events with all that became of them, in the order given. */
export async function timeline(db: Queryable, events: readonly EventRow[]): Promise<TimelineEvent[]> {
  const ids = events.map((event) => event.event_id);
  const rows = ids.length === 0 ? [] : await db.query<DeliveredRow>(OF_EVENTS, [ids]);
  const details = await detailsOf(db, rows);
  const aftermath = await aftermathOf(db, ids);
  return events.map((event) => {
    const mine = rows
      .map((row, at) => ({ row, detail: details[at]! }))
      .filter(({ row }) => row.event_id === event.event_id);
    return timelineEvent(event, mine, aftermath.get(event.event_id));
  });
}

/** Where an event stands in the log is known once it is mapped: its deliveries say so. */
function timelineEvent(
  event: EventRow,
  deliveries: readonly { row: DeliveredRow; detail: DeliveryDetail }[],
  aftermath: Aftermath | undefined,
) {
  const log = deliveries[0]?.row;
  return {
    id: event.event_id,
    type: event.type,
    entity: event.entity,
    recordId: event.record_id,
    key: event.key,
    source: event.source,
    aggregateVersion: String(event.aggregate_version),
    sourceVersion: long(event.source_version),
    occurredAt: iso(event.occurred_at),
    receivedAt: iso(event.received_at)!,
    committedAt: iso(event.appended_at),
    publishedAt: iso(log?.event_logged_at),
    topic: log?.event_topic,
    partition: log?.event_partition,
    offset: long(log?.event_offset),
    state: stateOf(event, deliveries.length, aftermath),
    capture:
      event.receipt_id === null
        ? undefined
        : {
            receiptId: event.receipt_id,
            sourceEventId: event.source_event_id!,
            status: event.capture,
            code: opt(event.code),
            reason: opt(event.reason),
          },
    unrouted: aftermath?.unrouted || undefined,
    deadLetters: aftermath?.deadLetters,
    replays: aftermath?.replays,
    deliveries: deliveries.map(({ detail }) => detail),
  };
}

/** The furthest hop the event has reached, in one word. */
function stateOf(
  event: EventRow,
  deliveries: number,
  aftermath: Aftermath | undefined,
): 'rejected' | 'dismissed' | 'captured' | 'committed' | 'published' | 'unrouted' | 'dead' | 'mapped' {
  if (event.capture === 'rejected' || event.capture === 'dismissed') return event.capture;
  if (event.outbox_id === null) return 'captured';
  if (deliveries > 0) return 'mapped';
  if (aftermath?.deadLetters) return 'dead';
  if (aftermath?.unrouted) return 'unrouted';
  return event.unpublished ? 'committed' : 'published';
}
