import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '#contracts';
import type { Envelope, Finding } from '#contracts';
import { packageRoot } from '#platform';
import { loadSchemas, parseExactJson, writeExactJson } from '#schema';
import { compileMapping } from './mapping.ts';
import type { CompiledMapping } from './mapping.ts';
import { WORDS } from './operators/index.ts';
import { largestRemainder } from './operators/split.ts';
import { sidesOf } from './sides.ts';
import { readTable } from './table.ts';
import { parseYaml } from './yaml.ts';

const ROOT = join(packageRoot(), 'schemas');
const schemas = loadSchemas({ roots: [ROOT] });
const currencies = readTable(
  'erp-currencies',
  't.yaml',
  readFileSync(join(ROOT, 'tables/erp-currencies.yaml'), 'utf8'),
  [],
)!;
const sides = sidesOf(schemas, new Map([['erp-currencies', currencies]]));
const TEXTS = ['customer-to-erp', 'order-to-erp', 'order-to-journal'].map((name) =>
  readFileSync(join(ROOT, 'mappings', `${name}.yaml`), 'utf8'),
);
const ORDER = schemas
  .canonical('order')!
  .fromJson(
    parseExactJson(
      '{"id":"O-1","customerId":"C-1","stage":"WON","closedAt":"2026-11-20T10:00:00Z","currency":"EUR","lines":[{"id":"1","lineNo":1,"sku":"A","quantity":"1","unitPrice":"10","amount":"10"}],"total":{"amount":"10","currency":"EUR"},"note":null}',
    ),
    { zone: 'UTC', idPrefix: '' },
  );
const ENVELOPE: Envelope = {
  id: 'e',
  source: 's',
  type: 'crm.order.won',
  subject: 'O-1',
  time: '',
  dataschema: '',
  tenant: 'acme',
  partitionkey: 'acme:order:O-1',
  aggregateversion: 1n,
  correlationid: 'e',
  hopcount: 0,
};

function check(text: string): { findings: Finding[]; mapping: CompiledMapping | undefined } {
  const findings: Finding[] = [];
  const tree = parseYaml('m.yaml', text, findings);
  return { findings, mapping: tree && compileMapping('m', 'm.yaml', tree, sides, findings) };
}

/** One word or sign of a mapping replaced by another that the language knows, or by something odd. */
const slip = fc
  .tuple(
    fc.constantFrom(...TEXTS),
    fc.nat(),
    fc.oneof(
      fc.constantFrom(...WORDS),
      fc.constantFrom(
        'lines',
        'lines.amount',
        'total',
        'shipTo',
        'custom',
        '$target.lines',
        '$record.id',
        '$group.x',
        '[]',
        '{}',
        'null',
        '1',
        'true',
        '"',
        '- x',
        '{ a: b }',
        '__proto__',
        'constructor',
      ),
      fc.string({ maxLength: 5 }),
    ),
  )
  .map(([text, where, word]) => {
    const places = [...text.matchAll(/[A-Za-z$][\w.$-]*|[{}[\]:,]/g)];
    const place = places[where % places.length]!;
    return text.slice(0, place.index) + word + text.slice(place.index + place[0].length);
  });

describe('whatever people write', () => {
  it('gives findings with places inside the file, or a mapping that runs; never a crash', () => {
    let good = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          slip,
          slip.chain((text) => fc.nat({ max: text.length }).map((at) => text.slice(0, at))),
        ),
        (text) => {
          const { findings, mapping } = check(text);
          const lines = text.split('\n').length;
          for (const finding of findings) {
            expect(finding.line).toBeGreaterThanOrEqual(1);
            expect(finding.line).toBeLessThanOrEqual(lines);
            expect(finding.column).toBeGreaterThanOrEqual(1);
            expect(finding.message).not.toContain('undefined');
            expect(finding.message).not.toContain('[object');
          }
          expect(mapping === undefined).toBe(findings.length > 0);
          if (mapping?.from !== 'canonical/order' || !ORDER.ok) return;
          const mapped = mapping.run(ORDER.record, ENVELOPE, 'UTC', {});
          if (mapped.kind === 'document') expect(writeExactJson(mapped.body)).toMatch(/^\{/);
          good++;
        },
      ),
      { numRuns: 150 },
    );
    expect(good).toBeGreaterThan(0);
  });
});

describe('a split', () => {
  const amount = fc
    .bigInt({ min: -(10n ** 15n), max: 10n ** 15n })
    .map((cents) => new Decimal(cents.toString()).div(100));
  const weight = fc.bigInt({ min: 0n, max: 10n ** 12n }).map((size) => new Decimal(size.toString()).div(1000));

  it('adds up to the total, and no part is a whole cent away from its fair share', () => {
    fc.assert(
      fc.property(amount, fc.array(weight, { minLength: 1, maxLength: 30 }), (total, weights) => {
        const parts = largestRemainder(total, weights, 2);
        let sum = new Decimal(0);
        for (const part of parts) sum = sum.plus(part);
        expect(sum.equals(total)).toBe(true);
        let all = new Decimal(0);
        for (const one of weights) all = all.plus(one);
        for (const [index, part] of parts.entries()) {
          const fair = all.isZero() ? total.div(weights.length) : total.times(weights[index]!).div(all);
          expect(part.minus(fair).abs().lt('0.01')).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
