// Signed webhooks at a steady rate, each repeated until it is taken, as a CRM does it.
import { createHmac } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

const customer = (id, version) => ({
  id,
  version,
  number: `C-${id}`,
  kind: 'COMPANY',
  name: `Nordlicht Werke ${id} v${version}`,
  status: 'ACTIVE',
  billTo: { line1: 'Hafenstrasse 1', city: 'Hamburg', postalCode: '20457', country: 'DE' },
});
const order = (id, customerId) => ({
  id,
  version: 1,
  number: `O-${id}`,
  customerId,
  stage: 'WON',
  closedAt: '2026-03-14T10:15:00Z',
  currency: 'EUR',
  lines: [
    { id: `${id}-1`, lineNo: 1, sku: 'A-100', quantity: '3', unitPrice: '33.50', taxRate: '19', amount: '100.50' },
  ],
  total: { amount: '100.50', currency: 'EUR' },
  tax: { amount: '19.10', currency: 'EUR' },
  gross: { amount: '119.60', currency: 'EUR' },
});

async function send(hook, secret, id, type, data) {
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  const at = Math.floor(Date.now() / 1000);
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  const response = await fetch(hook, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${signature}`,
    },
    body,
    signal: AbortSignal.timeout(8_000),
  });
  await response.arrayBuffer();
  return response.status;
}

/** Resolves, once told to stop, when all that was begun is taken. */
export async function traffic({ hook, secret, rate, stop, on }) {
  const taken = { orders: 0, events: 0, repeats: 0 };
  const one = async (id, type, data) => {
    for (;;) {
      const status = await send(hook(), secret, id, type, data).catch(() => 0);
      if (status === 200 || status === 202) break;
      taken.repeats++;
      await wait(500);
    }
    taken.events++;
    on();
  };
  const open = new Set();
  const begun = performance.now();
  for (let n = 0; !stop.aborted; n++) {
    while (open.size > 500 && !stop.aborted) await wait(50);
    const [id, customerId] = [`s${n}`, `c${n % 200}`];
    const work = (async () => {
      await one(`c-${n}`, 'customer.updated', customer(customerId, n));
      await one(`o-${n}`, 'order.won', order(id, customerId));
      taken.orders++;
    })().finally(() => open.delete(work));
    open.add(work);
    await wait(Math.max(0, begun + ((n + 1) * 2000) / rate - performance.now()));
  }
  await Promise.all(open);
  return taken;
}
