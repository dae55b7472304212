import { Webhook } from 'standardwebhooks';

/** Full canonical states as a CRM would send them; invented companies only. */
export function customer(id: string, version = 1): Record<string, unknown> {
  return {
    id,
    version,
    number: `C-${id}`,
    kind: 'COMPANY',
    name: `Nordlicht Werke ${id}`,
    status: 'ACTIVE',
    taxIds: [{ scheme: 'VAT', value: 'DE000000000' }],
    billTo: { line1: 'Hafenstrasse 1', city: 'Hamburg', postalCode: '20457', country: 'DE' },
  };
}

export function order(id: string, customerId: string, version = 1, stage = 'WON'): Record<string, unknown> {
  return {
    id,
    version,
    number: `O-${id}`,
    customerId,
    stage,
    closedAt: '2026-03-14T10:15:00Z',
    currency: 'EUR',
    lines: [
      {
        id: `${id}-1`,
        lineNo: 1,
        sku: 'A-100',
        quantity: '3',
        unitPrice: '33.50',
        taxRate: '19',
        amount: '100.50',
      },
    ],
    total: { amount: '100.50', currency: 'EUR' },
    tax: { amount: '19.10', currency: 'EUR' },
    gross: { amount: '119.60', currency: 'EUR' },
  };
}

/** A CRM waits so long for an answer and no longer: one that was swallowed on its way never comes. */
const GIVES_UP_MS = 60_000;

/** Sends one event signed by the reference library of Standard Webhooks, not by code of ours. */
export async function sendSigned(
  hook: string,
  secret: string,
  event: { id: string; type: string; data: unknown },
): Promise<{ status: number; body: unknown; retryAfter: string | null }> {
  const body = JSON.stringify({ type: event.type, timestamp: new Date().toISOString(), data: event.data });
  const now = new Date();
  const response = await fetch(hook, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': event.id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(event.id, now, body),
    },
    body,
    signal: AbortSignal.timeout(GIVES_UP_MS),
  });
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, body: await response.json(), retryAfter };
}
