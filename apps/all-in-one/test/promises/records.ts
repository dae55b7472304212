import { documentId, eventId } from '#contracts';
import type { ExpectedDocument, WitnessedEffect } from '#testing';
import { customer, order } from '../support/crm.ts';
import type { Effect } from '../support/witness.ts';

/** One version of one record as the CRM of these tests sends it; every version stands in several fields of its documents. */
export interface Version {
  entity: 'customer' | 'order';
  /** the CRM's id; ours has the connection's prefix */
  id: string;
  version: number;
  /** of the order: the customer it is for */
  customerId?: string;
}

const TENANT = 'acme';
const CONNECTION = 'acme-crm';

export const webhookIdOf = ({ entity, id, version }: Version): string => `${entity}-${id}-${version}`;
export const keyOf = ({ entity, id }: Version): string => `${TENANT}:${entity}:acme-${id}`;
export const eventIdOf = (sent: Version): string =>
  eventId({
    tenant: TENANT,
    source: CONNECTION,
    entity: sent.entity,
    recordId: `acme-${sent.id}`,
    sourceEventId: webhookIdOf(sent),
  });

/** What is sent: the record's full state. */
export function dataOf({ entity, id, version, customerId }: Version): Record<string, unknown> {
  if (entity === 'customer')
    return {
      ...customer(id, version),
      name: `Nordlicht ${id} v${version}`,
      legalName: `Nordlicht ${id} v${version} GmbH`,
      billTo: { line1: `Hafenstrasse v${version}`, city: 'Hamburg', postalCode: '20457', country: 'DE' },
    };
  const whole = order(id, customerId!, version);
  const [line] = whole['lines'] as Record<string, unknown>[];
  return { ...whole, note: `note v${version}`, lines: [{ ...line, description: `line v${version}` }] };
}

/** What the targets have to hold then. The journal entry does not change with the order's version: it is posted once. */
export function documentsOf({ entity, id, version }: Version): ExpectedDocument[] {
  if (entity === 'customer') {
    const content = `Nordlicht ${id} v${version} | Nordlicht ${id} v${version} GmbH | Hafenstrasse v${version}`;
    return [{ flow: 'customers', document: 'customer', content }];
  }
  return [
    { flow: 'orders', document: 'salesOrder', content: `O-${id} | note v${version} | line v${version} | 100.50` },
    { flow: 'order-postings', document: 'journalEntry', content: `O-${id} | 119.60` },
  ];
}

export const NATURES = { customer: 'state', salesOrder: 'state', journalEntry: 'once' } as const;

/** Which version each posting is of, by its request key, which is made of the event. */
export const postingsOf = (sent: readonly Version[]): ReadonlyMap<string, Version> =>
  new Map(sent.map((each) => [documentId(eventIdOf(each), 'order-postings', 'journalEntry'), each]));

/** Reads an effect as the checker wants it. */
export function readEffect(effect: Effect & { body: string }, postings: ReadonlyMap<string, Version>): WitnessedEffect {
  const { document, operation, key } = effect;
  const at = `#${effect.n} ${effect.at}`;
  const body = JSON.parse(effect.body) as Body;
  if (document === 'journalEntry') {
    const [requestKey] = effect.requestKey.split(':');
    const from = postings.get(requestKey!);
    const debit = (body.lines ?? []).reduce((total, line) => total + Number(line.debit ?? 0), 0);
    return {
      document,
      operation,
      key,
      at,
      version: from?.version ?? null,
      content: `${body.reference} | ${debit.toFixed(2)}`,
    };
  }
  const marked = document === 'customer' ? body.name : body.note;
  const version = / v(\d+)$/.exec(marked ?? '')?.[1];
  const [line] = body.lines ?? [];
  const parts =
    document === 'customer'
      ? [body.name, body.legalName, body.billTo?.street]
      : [body.number, body.note, line?.description, line?.amount];
  return {
    document,
    operation,
    key,
    at,
    version: version === undefined ? null : Number(version),
    content: parts.join(' | '),
  };
}

interface Body {
  name?: string;
  legalName?: string;
  note?: string;
  number?: string;
  reference?: string;
  billTo?: { street?: string };
  lines?: { description?: string; amount?: string; debit?: string | number }[];
}
