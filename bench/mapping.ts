import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Envelope } from '#contracts';
import { loadMappings } from '#mapping';
import { packageRoot } from '#platform';
import { JsonNumber, loadSchemas, parseExactJson, writeExactJson } from '#schema';
import type { Json } from '#schema';

const RUNS = 60_000;
const ROUNDS = 5;

/** Ten fields and five lines of four, as the pipeline page counts them; `order-to-erp` has 16 and five of nine. */
const TEN_FIELDS = `
from: canonical/order
to: erp/sales-order
document: salesOrder
when: { stage: WON }
fields:
  externalId: $key
  number: number
  customer: { from: customerId, reference: customer }
  orderDate: { from: closedAt, missing: reject, date: { zone: $zone } }
  status: { from: stage, map: { OPEN: draft, WON: open, LOST: closed, CANCELLED: cancelled } }
  currency: { from: currency, map: { EUR: "4", USD: "1" }, unmapped: hold }
  note: { from: note, then: [trim, { truncate: 999 }] }
  region: custom.region
  lines:
    each: lines
    fields:
      item: sku
      quantity: quantity
      price: { from: unitPrice, decimal: { scale: 2, round: half-up } }
      amount: { from: amount, decimal: { scale: 2, round: half-up } }
  total: { sum: $target.lines.amount, equals: total.amount, within: "0.01 x lines" }
`;

const ORDER = {
  id: 'O-1',
  number: '4711',
  customerId: 'C-1',
  stage: 'WON',
  closedAt: '2026-11-20T14:05:00Z',
  currency: 'EUR',
  purchaseOrderRef: 'PO-77',
  note: 'call before noon',
  custom: { region: 'north' },
  lines: Array.from({ length: 5 }, (_, index) => ({
    id: String(index),
    lineNo: index + 1,
    sku: `A-${index}`,
    quantity: '3',
    unitPrice: '19.99',
    amount: '59.97',
  })),
  total: { amount: '299.85', currency: 'EUR' },
};

/**
 * What mapping one event costs: the shipped order mapping, and JSON.stringify and JSON.parse of the same document in the
 * same run as references (the goal: about as cheap as writing the document once).
 */
export default async function run(): Promise<void> {
  const roots = [join(packageRoot(), 'schemas')];
  const schemas = loadSchemas({ roots });
  const own = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  mkdirSync(join(own, 'mappings'));
  writeFileSync(join(own, 'mappings', 'ten-fields.yaml'), TEN_FIELDS);
  const bundle = loadMappings({ roots: [...roots, own], schemas });
  rmSync(own, { recursive: true });
  const read = schemas
    .canonical('order')!
    .fromJson(parseExactJson(JSON.stringify(ORDER)), { zone: 'UTC', idPrefix: '' });
  if (!read.ok) throw new Error(read.message);
  const { record } = read;
  const mapped = bundle.mapWith('ten-fields', record, ENVELOPE, 'Europe/Berlin');
  if (mapped.kind !== 'document') throw new Error(mapped.reason);
  const plain = plainOf(mapped.body);
  const text = JSON.stringify(plain);
  const rows = [
    measure('map, ten fields and five lines', () => bundle.mapWith('ten-fields', record, ENVELOPE, 'Europe/Berlin')),
    measure('map (order-to-erp)', () => bundle.mapWith('order-to-erp', record, ENVELOPE, 'Europe/Berlin')),
    measure('map (order-to-journal)', () => bundle.mapWith('order-to-journal', record, ENVELOPE, 'Europe/Berlin')),
    measure('write exact JSON', () => writeExactJson(mapped.body)),
    measure('JSON.stringify, same document', () => JSON.stringify(plain)),
    measure('JSON.parse, same document', () => JSON.parse(text)),
  ];
  const peer = rows[4]!.micros;
  process.stdout.write(
    `one order of ten fields and five lines, ${text.length} bytes as JSON; best of ${ROUNDS} rounds of ${RUNS}\n`,
  );
  process.stdout.write(
    `${'what'.padEnd(32)}${'us each'.padStart(9)}${'CPU us'.padStart(9)}${'x stringify'.padStart(13)}\n`,
  );
  for (const { name, micros, cpu } of rows)
    process.stdout.write(
      `${name.padEnd(32)}${micros.toFixed(2).padStart(9)}${cpu.toFixed(2).padStart(9)}${(micros / peer).toFixed(2).padStart(13)}\n`,
    );
}

const ENVELOPE: Envelope = {
  id: '11111111-1111-5111-8111-111111111111',
  source: 'crm',
  type: 'crm.order.won',
  subject: 'O-1',
  time: '2026-11-20T14:05:00.000Z',
  dataschema: 'canonical/order',
  tenant: 'acme',
  partitionkey: 'acme:order:O-1',
  aggregateversion: 1n,
  correlationid: '11111111-1111-5111-8111-111111111111',
  hopcount: 0,
};

/** The best round counts: the others measure the machine's other work. */
function measure(name: string, once: () => unknown): { name: string; micros: number; cpu: number } {
  let micros = Infinity;
  let cpu = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const cpuBefore = process.cpuUsage();
    const before = performance.now();
    for (let index = 0; index < RUNS; index++) kept = once();
    micros = Math.min(micros, ((performance.now() - before) * 1000) / RUNS);
    const used = process.cpuUsage(cpuBefore);
    cpu = Math.min(cpu, (used.user + used.system) / RUNS);
  }
  return { name, micros, cpu };
}

/** So that no round can be optimised away. */
export let kept: unknown;

/** The document as ordinary JavaScript values, for JSON.stringify. */
function plainOf(json: Json): unknown {
  if (json instanceof JsonNumber) return Number(json.text);
  if (Array.isArray(json)) return json.map(plainOf);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, plainOf(value)]));
}
