import { describe, expect, it } from '@jest/globals';
import type { DeliveryDetail, Event } from './shapes.ts';
import { timelineText, verdict } from './timeline.ts';

const AT = '2026-11-22T06:00:00.000Z';
const event = (part: Partial<Event>): Event => ({
  id: 'e1',
  type: 'crm.order.won',
  entity: 'order',
  recordId: 'sb-1',
  key: 'acme:order:sb-1',
  source: 'sandbox-crm',
  aggregateVersion: '1',
  receivedAt: AT,
  state: 'mapped',
  deliveries: [],
  ...part,
});
const delivery = (part: Partial<DeliveryDetail>): DeliveryDetail => ({
  id: '7',
  flow: 'orders',
  target: 'main-erp',
  document: 'salesOrder',
  key: 'acme:order:sb-1',
  eventId: 'e1',
  aggregateVersion: '1',
  kind: 'document',
  status: 'PENDING',
  createdAt: AT,
  changedAt: AT,
  acceptedAt: AT,
  attempts: [],
  ...part,
});
const advice = (part: Partial<Event>): string =>
  verdict({ entity: 'order', id: 'sb-1', events: [event(part)] }).join('\n');

describe('what to do about a record', () => {
  it.each<[string, Partial<Event>, string]>([
    [
      'rejected',
      { state: 'rejected', capture: { receiptId: 'r', status: 'rejected' } },
      'correct the record in its source',
    ],
    ['unrouted', { state: 'unrouted' }, 'no flow'],
    ['published', { state: 'published' }, 'on its way'],
    ['dead', { state: 'dead' }, 'dead letter'],
  ])('is said where its event is %s', (_name, part, expected) => {
    expect(advice(part)).toContain(expected);
  });

  it.each<[string, Partial<DeliveryDetail>, string]>([
    ['DELIVERED', { status: 'DELIVERED', finishedAt: AT }, 'arrived'],
    ['DEAD', { status: 'DEAD', finishedAt: AT }, 'crossdock retry 7'],
    ['PARKED', { status: 'PARKED', errorClass: 'CONNECTION' }, 'crossdock retry 7'],
    ['PARKED in doubt', { status: 'PARKED', errorClass: 'UNKNOWN_OUTCOME' }, 'crossdock resolve 7'],
    ['HELD_REVIEW', { status: 'HELD_REVIEW' }, 'somebody has to decide'],
    ['UNKNOWN', { status: 'UNKNOWN' }, 'found out by itself'],
    [
      'held for a value',
      {
        status: 'HELD_DEPENDENCY',
        holds: [{ kind: 'value', name: 'payment-terms', key: 'net45', since: AT, waiting: 3 }],
      },
      'crossdock values payment-terms --connection main-erp "net45=..."',
    ],
    [
      'held for a record that never came',
      {
        status: 'HELD_DEPENDENCY',
        holds: [{ kind: 'reference', name: 'customer', key: 'acme:customer:sb-9', since: AT, waiting: 1 }],
      },
      'crossdock xref bind --connection main-erp --document customer --key acme:customer:sb-9',
    ],
  ])('is said where its delivery is %s', (_name, part, expected) => {
    expect(advice({ deliveries: [delivery(part)] })).toContain(expected);
  });

  it.each([
    ['IGNORED', 'IGNORED (the mapping does not want it in the target'],
    ['SKIPPED_STALE', 'SKIPPED_STALE (a newer version was there first)'],
  ])('says in words what %s means', (status, expected) => {
    const events = [event({ deliveries: [delivery({ status, finishedAt: AT })] })];
    expect(timelineText({ entity: 'order', id: 'sb-1', events }).join('\n')).toContain(expected);
  });

  it('does not call arrived what no mapping wants, and says why', () => {
    const not = { kind: 'withdraw', status: 'IGNORED', finishedAt: AT, reason: 'stage is OPEN, wanted WON' };
    const events = [
      event({ deliveries: [delivery(not), delivery({ ...not, flow: 'order-postings', target: 'ledger' })] }),
    ];
    const text = timelineText({ entity: 'order', id: 'sb-1', events });
    expect(text).toContain('      not wanted: stage is OPEN, wanted WON');
    expect(text.at(-1)).toMatch(/^nothing to deliver/);
  });

  it('looks at the newest version only and hides no hop', () => {
    const text = timelineText({
      entity: 'order',
      id: 'sb-1',
      events: [
        event({ aggregateVersion: '1', deliveries: [delivery({ status: 'RESOLVED_SUPERSEDED', finishedAt: AT })] }),
        event({
          aggregateVersion: '2',
          committedAt: AT,
          publishedAt: '2026-11-22T06:00:01.000Z',
          topic: 'crm.order.v1',
          partition: 3,
          offset: '17',
          deliveries: [
            delivery({
              status: 'DELIVERED',
              targetId: 'SO-1',
              finishedAt: '2026-11-22T06:00:03.000Z',
              attempts: [
                { n: 1, startedAt: AT, outcome: 'in-doubt', doubt: 'absent', error: 'no answer within 5 s' },
                { n: 2, startedAt: AT, outcome: 'done', httpStatus: 201, operation: 'create' },
              ],
            }),
          ],
        }),
      ],
    });
    expect(text).toContain('  published  +1.0 s   crm.order.v1 partition 3 offset 17');
    expect(text).toContain('  orders -> main-erp salesOrder: DELIVERED as SO-1 after 3.0 s  (delivery 7)');
    expect(text.join('\n')).toContain('in-doubt, doubt absent: no answer within 5 s');
    expect(text.join('\n')).toContain('create done (HTTP 201)');
    expect(text.at(-1)).toBe('arrived: everything that this record should become is settled');
  });
});
