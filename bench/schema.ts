import avsc from 'avsc';
import { join } from 'node:path';
import { Decimal } from '#contracts';
import { packageRoot } from '#platform';
import { loadSchemas, parseExactJson, writeExactJson } from '#schema';
import type { AvroRecord } from '#schema';

const RUNS = 3_000;
const ROUNDS = 60; // short rounds in turn, the best counts: what else the machine does hits all alike

const ORDER = {
  id: '0061t00000ABCDE',
  number: 'SO-4711',
  customerId: '0011t00000XYZ',
  stage: 'WON',
  closedAt: '2026-03-01T10:00:00Z',
  currency: 'EUR',
  purchaseOrderRef: 'PO-2026-118',
  paymentTerms: 'NET30',
  shipTo: { line1: 'Hauptstraße 5', city: 'Köln', postalCode: '50667', country: 'DE' },
  lines: Array.from({ length: 5 }, (_, index) => ({
    id: `l${index}`,
    lineNo: index + 1,
    productId: `p${index}`,
    sku: `SKU-${index}`,
    description: 'Widget, large',
    quantity: '3',
    unitPrice: '19.99',
    amount: '59.97',
    taxRate: '19',
  })),
  total: { amount: '299.85', currency: 'EUR' },
  tax: { amount: '56.97', currency: 'EUR' },
  gross: { amount: '356.82', currency: 'EUR' },
  note: 'Please ring twice.',
  custom: { region: 'west' },
};

/** What coding an order with five lines costs: ours, avsc with logical types, and JSON, in one run. */
export default function run(): void {
  const schema = loadSchemas({ roots: [join(packageRoot(), 'schemas')] }).canonical('order')!;
  const json = JSON.stringify(ORDER);
  const tree = parseExactJson(json);
  const options = { zone: 'UTC', idPrefix: '' };
  const read = schema.fromJson(tree, options);
  if (!read.ok) throw new Error(read.message);
  const { record } = read;
  const body = schema.encode(record);
  const peer = avsc.Type.forSchema(schema.definition as unknown as avsc.Schema, {
    wrapUnions: 'always',
    logicalTypes: { decimal: DecimalType, 'timestamp-millis': InstantType, date: DateType },
  });
  const peerRecord = peer.fromBuffer(body) as AvroRecord;
  if (!peer.toBuffer(peerRecord).equals(body)) throw new Error('avsc writes other bytes');

  const best = measure({
    'our encode': () => schema.encode(record),
    'avsc encode': () => peer.toBuffer(peerRecord),
    'JSON.stringify': () => Buffer.from(JSON.stringify(ORDER)),
    'our decode': () => schema.decode(body),
    'avsc decode': () => peer.fromBuffer(body),
    'JSON.parse': () => JSON.parse(json),
    'exact JSON, parse': () => parseExactJson(json),
    'exact JSON, write': () => writeExactJson(tree),
    'JSON form to record': () => schema.fromJson(tree, options),
  });
  process.stdout.write(`an order with five lines: ${body.length} bytes of Avro, ${json.length} of JSON\n`);
  for (const [name, us] of best) process.stdout.write(`${name.padEnd(22)}${us.toFixed(2).padStart(8)} us\n`);
  const ratio = (a: string, b: string): string => (best.get(a)! / best.get(b)!).toFixed(2);
  process.stdout.write(
    `encode / JSON.stringify ${ratio('our encode', 'JSON.stringify')}, ` +
      `avsc / ours: encode ${ratio('avsc encode', 'our encode')}, decode ${ratio('avsc decode', 'our decode')}\n`,
  );
}

function measure(work: Record<string, () => unknown>): Map<string, number> {
  const best = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, act] of Object.entries(work)) {
      const started = process.hrtime.bigint();
      for (let index = 0; index < RUNS; index++) act();
      const us = Number(process.hrtime.bigint() - started) / RUNS / 1_000;
      best.set(name, Math.min(best.get(name) ?? us, us));
    }
  return best;
}

/** The usual way to give avsc exact decimals. */
class DecimalType extends avsc.types.LogicalType {
  protected override _fromValue(bytes: Buffer): Decimal {
    const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
    return new Decimal(String(unscaled)).div(1e9);
  }

  protected override _toValue(value: Decimal): Buffer {
    const bytes: number[] = [];
    for (let rest = BigInt(value.times(1e9).toFixed(0)); ;) {
      bytes.unshift(Number(rest & 255n));
      const sign = bytes[0]! & 128 ? -1n : 0n;
      rest >>= 8n;
      if (rest === sign) return Buffer.from(bytes);
    }
  }
}

class InstantType extends avsc.types.LogicalType {
  protected override _fromValue(millis: number): Date {
    return new Date(millis);
  }

  protected override _toValue(value: Date): number {
    return value.getTime();
  }
}

class DateType extends avsc.types.LogicalType {
  protected override _fromValue(days: number): string {
    return new Date(days * 86_400_000).toISOString().slice(0, 10);
  }

  protected override _toValue(value: string): number {
    return Date.parse(value) / 86_400_000;
  }
}
