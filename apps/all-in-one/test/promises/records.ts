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
  /** the order is cancelled */
  withdrawn?: boolean;
}

const TENANT = 'acme';
const CONNECTION = 'acme-crm';

export const webhookIdOf = ({ entity, id, version }: Version): string => `${entity}-${id}-${version}`;
export const keyOf = ({ entity, id }: Pick<Version, 'entity' | 'id'>): string => `${TENANT}:${entity}:acme-${id}`;
export const eventIdOf = (sent: Version): string =>
  eventId({
    tenant: TENANT,
    source: CONNECTION,
    entity: sent.entity,
    recordId: `acme-${sent.id}`,
    sourceEventId: webhookIdOf(sent),
  });

/** What is sent: the record's full state. */
export function dataOf({ entity, id, version, customerId, withdrawn }: Version): Record<string, unknown> {
  if (entity === 'customer')
    return {
      ...customer(id, version),
      name: `Nordlicht ${id} v${version}`,
      legalName: `Nordlicht ${id} v${version} GmbH`,
      billTo: { line1: `Hafenstrasse v${version}`, city: 'Hamburg', postalCode: '20457', country: 'DE' },
    };
  const whole = order(id, customerId!, version, withdrawn ? 'CANCELLED' : 'WON');
  const [line] = whole['lines'] as Record<string, unknown>[];
  const { net, tax, gross } = amountsOf(version);
  return {
    ...whole,
    note: `note v${version}`,
    lines: [{ ...line, description: `line v${version}`, quantity: '1', unitPrice: net, amount: net }],
    total: { amount: net, currency: 'EUR' },
    tax: { amount: tax, currency: 'EUR' },
    gross: { amount: gross, currency: 'EUR' },
  };
}

/** Another amount with every second version, so that some postings are reversed and some do not change; with every fifth the first one again. */
function amountsOf(version: number): { net: string; tax: string; gross: string } {
  const hundreds = version % 5 === 0 ? 1 : Math.ceil(version / 2);
  return { net: `${100 * hundreds}.00`, tax: `${19 * hundreds}.00`, gross: `${119 * hundreds}.00` };
}

/** What the targets have to hold then. */
export function documentsOf({ entity, id, version, customerId, withdrawn }: Version): ExpectedDocument[] {
  if (entity === 'customer') {
    const content = `Nordlicht ${id} v${version} | Nordlicht ${id} v${version} GmbH | Hafenstrasse v${version}`;
    return [{ flow: 'customers', document: 'customer', content }];
  }
  const { net, tax, gross } = amountsOf(version);
  const buyer = keyOf({ entity: 'customer', id: customerId! });
  const booked = `O-${id} | note v${version} | line v${version} | ${net} | ${buyer}`;
  const posted = `O-${id} | 8400 -${net} | 1776 -${tax} | 1400 ${gross}`;
  return [
    { flow: 'orders', document: 'salesOrder', content: withdrawn ? null : booked },
    { flow: 'order-postings', document: 'journalEntry', content: withdrawn ? null : posted },
  ];
}

export const NATURES = { customer: 'state', salesOrder: 'state', journalEntry: 'reversal' } as const;

type Written = Effect & { body: string };

/** The whole ledger as the checker wants it. */
export function readEffects(sent: readonly Version[], ledger: readonly Written[]): WitnessedEffect[] {
  /** a posting names its event, by its request key */
  const postings = new Map(sent.map((each) => [documentId(eventIdOf(each), 'order-postings', 'journalEntry'), each]));
  /** a cancel names only its record, which is withdrawn once */
  const withdrawals = new Map(sent.filter(({ withdrawn }) => withdrawn).map((each) => [keyOf(each), each]));
  /** an order names its customer by the id that the ERP gave it */
  const customers = new Map(
    ledger.filter(({ document }) => document === 'customer').map(({ targetId, key }) => [targetId, key]),
  );
  return ledger.map(({ body: text, ...effect }) => {
    const { document, key, requestKey } = effect;
    const body = JSON.parse(text) as Body;
    const read = { document, operation: effect.operation, key, at: `#${effect.n} ${effect.at}` };
    if (read.operation === 'cancel') return { ...read, version: withdrawals.get(key)?.version ?? null, content: '' };
    if (document === 'journalEntry') {
      const [of, ...more] = requestKey.split(':');
      const reversal = more.includes('reversal');
      const version = postings.get(of!)?.version ?? null;
      return { ...read, operation: reversal ? 'reverse' : read.operation, version, content: postedBy(body, reversal) };
    }
    const marked = document === 'customer' ? body.name : body.note;
    const version = / v(\d+)$/.exec(marked ?? '')?.[1];
    const [line] = body.lines ?? [];
    const buyer = customers.get(body.customer ?? '') ?? body.customer;
    const parts =
      document === 'customer'
        ? [body.name, body.legalName, body.billTo?.street]
        : [body.number, body.note, line?.description, line?.amount, buyer];
    return { ...read, version: version === undefined ? null : Number(version), content: parts.join(' | ') };
  });
}

/** A reversal is a posting whose sides are exchanged: read the other way round it is what it takes back. */
function postedBy({ reference, lines = [] }: Body, reversal: boolean): string {
  const sign = reversal ? -1 : 1;
  const amounts = lines.map(
    ({ account, debit, credit }) => `${account} ${(sign * (Number(debit ?? 0) - Number(credit ?? 0))).toFixed(2)}`,
  );
  return [reference, ...amounts].join(' | ');
}

interface Body {
  name?: string;
  legalName?: string;
  note?: string;
  number?: string;
  /** the ERP's id */
  customer?: string;
  reference?: string;
  billTo?: { street?: string };
  lines?: { description?: string; amount?: string; account?: string; debit?: number; credit?: number }[];
}
