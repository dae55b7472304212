import { describe, expect, it } from '@jest/globals';
import { Decimal, formatFinding } from '#contracts';
import type { Envelope, Finding } from '#contracts';
import { writeExactJson } from '#schema';
import { withOpenFields } from '../cases.ts';
import { EXAMPLE_SOURCE, EXAMPLE_TARGET } from '../example-schemas.ts';
import { FUNCTIONS } from '../functions/index.ts';
import { compileMapping } from '../mapping.ts';
import type { Mapped } from '../mapping.ts';
import type { RecordShape } from '../shape.ts';
import { readTable } from '../table.ts';
import type { Table } from '../table.ts';
import { TEXT_STEPS } from '../text/index.ts';
import { parseYaml } from '../yaml.ts';
import { OPERATORS } from './index.ts';
import type { Example } from './operator.ts';

const envelope = (id: string): Envelope => ({
  id: 'e-1',
  source: 'crm',
  type: 'crm.example.updated',
  subject: id,
  time: '',
  dataschema: '',
  tenant: 'acme',
  partitionkey: `acme:example:${id}`,
  aggregateversion: 3n,
  correlationid: 'e-1',
  hopcount: 0,
});

/** A required field where the example is about what becomes of an absent one. */
const target = (required: boolean): RecordShape => ({
  ...EXAMPLE_TARGET,
  fields: new Map(
    [...EXAMPLE_TARGET.fields].map(([name, field]) => [name, { ...field, nullable: !required, required }]),
  ),
});

function run({ say, given }: Pick<Example, 'say' | 'given'>): Mapped {
  const findings: Finding[] = [];
  const table = readTable('example', 'example.yaml', 'rows: { north: R1, south: R2 }', findings) as Table;
  const tree = parseYaml(
    'm.yaml',
    `from: canonical/example\nto: t/example\ndocument: d\nfields:\n  field: ${say}\n`,
    findings,
  );
  const mapping =
    tree &&
    compileMapping(
      'example',
      'm.yaml',
      tree,
      {
        source: () => ({ shape: EXAMPLE_SOURCE, json: false }),
        target: () => ({ shape: target(say.includes('missing:')), canonical: false }),
        sourceNames: [],
        targetNames: [],
        entities: new Set(['customer']),
        tables: new Map([['example', table]]),
        functions: FUNCTIONS,
      },
      findings,
    );
  expect(findings.map(formatFinding)).toEqual([]);
  const record = native(EXAMPLE_SOURCE, { id: '1', taxIds: [], lines: [], custom: {}, ...given });
  return mapping!.run(record, envelope(String(record['id'])), 'UTC', { customer: 'customer' });
}

/** Decimals and instants of an example as the decoder gives them; what is absent is null, as in Avro. */
function native(shape: RecordShape, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    [...shape.fields].map(([name, { shape: of }]) => {
      const value = given[name];
      if (value === undefined) return [name, null];
      if (of.kind === 'decimal') return [name, new Decimal(value as string)];
      if (of.kind === 'instant') return [name, new Date(value as string)];
      if (of.kind === 'record') return [name, native(of, value as Record<string, unknown>)];
      if (of.kind === 'list' && of.item.kind === 'record') {
        const { item } = of;
        return [name, (value as Record<string, unknown>[]).map((one) => native(item, one))];
      }
      return [name, value];
    }),
  );
}

/** `undefined` where nothing was written. */
function written(mapped: Mapped): unknown {
  if (mapped.kind !== 'document') return mapped;
  const text = writeExactJson(withOpenFields(mapped.body, mapped.open));
  return (JSON.parse(text) as { field?: unknown }).field;
}

for (const operator of OPERATORS)
  describe(`operator ${operator.name}`, () => {
    for (const example of operator.examples) {
      const { say, given, gives, refuses, review } = example;
      const expected = refuses
        ? `is refused: ${refuses}`
        : `gives ${gives === undefined ? 'nothing' : JSON.stringify(gives)}`;
      it(`${say} of ${JSON.stringify(given)} ${expected}`, () => {
        const mapped = run(example);
        if (refuses !== undefined) {
          expect(mapped).toMatchObject({ kind: 'rejected', reason: expect.stringContaining(refuses) });
          return;
        }
        expect(written(mapped)).toEqual(gives);
        const reason = mapped.kind === 'document' ? mapped.review : undefined;
        if (review === undefined) expect(reason).toBeUndefined();
        else expect(reason).toContain(review);
      });
    }
  });

describe('text steps', () => {
  for (const step of TEXT_STEPS.values())
    for (const { say, given, gives, refuses } of step.examples)
      it(`${say} of ${JSON.stringify(given)} ${refuses ? 'is refused' : `gives ${JSON.stringify(gives)}`}`, () => {
        const mapped = run({ say: `{ from: note, then: [${say}] }`, given: { note: given } });
        if (refuses !== undefined)
          expect(mapped).toMatchObject({ kind: 'rejected', reason: expect.stringContaining(refuses) });
        else expect(written(mapped) ?? null).toBe(gives);
      });
});

describe('functions', () => {
  for (const one of FUNCTIONS.values())
    for (const { input, output } of one.examples)
      it(`${one.name} of ${JSON.stringify(input)} gives ${JSON.stringify(output) ?? 'nothing'}`, () => {
        expect(one.run(input as never)).toEqual(output);
      });
});
