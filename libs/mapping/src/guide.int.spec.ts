import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatFinding } from '#contracts';
import { packageRoot } from '#platform';
import { loadSchemas } from '#schema';
import { runCases } from './cases.ts';
import { checkMappings } from './load.ts';

const text = { type: 'string' };
const ORDER = {
  type: 'object',
  required: ['ref', 'buyer', 'day', 'state', 'lines', 'total'],
  additionalProperties: false,
  properties: {
    ref: text,
    number: text,
    buyer: text,
    day: { type: 'string', format: 'date' },
    state: { enum: ['draft', 'open', 'closed'] },
    terms: text,
    remark: { type: ['string', 'null'], maxLength: 80 },
    town: text,
    lines: {
      type: 'array',
      items: {
        type: 'object',
        required: ['item', 'quantity', 'net'],
        additionalProperties: false,
        properties: { item: { type: 'string', maxLength: 18 }, quantity: { type: 'number' }, net: text, tax: text },
      },
    },
    total: text,
  },
};

describe('the guide to mappings', () => {
  const guide = readFileSync(join(packageRoot(), 'docs/guides/your-own-mapping.md'), 'utf8');
  const [mapping, cases] = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map((block) => block[1]!);
  const told = [...guide.matchAll(/```\n(order-to-shop[\s\S]*?)\n```/g)][0]![1]!.split('\n');
  let own: string;
  beforeAll(() => {
    own = mkdtempSync(join(tmpdir(), 'crossdock-guide-'));
    mkdirSync(join(own, 'targets/shop'), { recursive: true });
    mkdirSync(join(own, 'mappings'));
    writeFileSync(join(own, 'targets/shop/order.json'), JSON.stringify(ORDER));
    writeFileSync(join(own, 'mappings/order-to-shop.cases.yaml'), cases!);
  });
  afterAll(() => rmSync(own, { recursive: true }));

  const check = (yaml: string) => {
    writeFileSync(join(own, 'mappings/order-to-shop.yaml'), yaml);
    const roots = [join(packageRoot(), 'schemas'), own];
    return checkMappings({ roots, schemas: loadSchemas({ roots }) });
  };

  it('shows a mapping and cases that hold', () => {
    const { bundle, findings } = check(mapping!);
    expect(findings.map(formatFinding)).toEqual([]);
    expect(runCases(bundle, 'order-to-shop').map(({ name, difference }) => [name, difference])).toEqual([
      ['a customer that waits', ''],
      ['an order without a day is refused', ''],
    ]);
  });

  it('shows what is really told of its mistakes', () => {
    const broken = mapping!
      .replace('customerId', 'customrId')
      .replace(', CANCELLED: closed', '')
      .replace(', decimal: { scale: 2, round: half-up } }', ' }');
    const findings = check(broken).findings.map((one) => formatFinding(one).replace(/^.*\/mappings\//, ''));
    expect(findings).toEqual(told);
  });
});
