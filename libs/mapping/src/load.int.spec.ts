import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { ConfigurationError, formatFinding } from '#contracts';
import { packageRoot } from '#platform';
import { loadSchemas } from '#schema';
import type { Bundle } from './bundle.ts';
import { runCases } from './cases.ts';
import { editorSchema } from './editor-schema.ts';
import { loadMappings } from './load.ts';
import type { MappingFlow } from './flows.ts';
import { operatorsReference } from './reference.ts';

const OURS = join(packageRoot(), 'schemas');
const TINY = `from: canonical/customer
to: crm/account
document: account
fields:
  key: $key
  name: { from: name, then: [trim], missing: reject }
  area: { from: custom.region, lookup: areas, default: R9 }
`;
const ACCOUNT = JSON.stringify({
  type: 'object',
  required: ['key', 'name'],
  additionalProperties: false,
  properties: { key: { type: 'string' }, name: { type: 'string' }, area: { type: 'string' } },
});

describe('mappings in folders', () => {
  let own: string;
  beforeEach(() => {
    own = mkdtempSync(join(tmpdir(), 'crossdock-mappings-'));
    write('targets/crm/account.json', ACCOUNT);
    write('tables/areas.yaml', 'north: R1\nsouth: R2\n');
    write('mappings/tiny.yaml', TINY);
  });
  afterEach(() => rmSync(own, { recursive: true }));

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(own, path)), { recursive: true });
    writeFileSync(join(own, path), text);
  };
  const load = (flows: MappingFlow[] = []): Bundle => {
    const roots = [OURS, own];
    return loadMappings({ roots, schemas: loadSchemas({ roots }), flows });
  };
  const told = (flows: MappingFlow[] = []): string[] => {
    try {
      load(flows);
    } catch (error) {
      if (error instanceof ConfigurationError)
        return error.findings.map((one) => formatFinding(one).replace(`${own}/`, ''));
      throw error;
    }
    return [];
  };
  const tiny = { flow: 'accounts', entity: 'customer', connection: 'crm', mapping: 'tiny' };

  it("are one bundle, with ours beside the user's", () => {
    expect([...load().mappings.keys()]).toEqual([
      'customer-to-erp',
      'order-to-erp',
      'order-to-journal',
      'result-to-account',
      'result-to-opportunity',
      'tiny',
    ]);
    expect(load([tiny]).flows.get('accounts')).toMatchObject({ document: 'account', schema: 'crm/account' });
  });

  it('have a hash of what they say, not of how it is written', () => {
    const before = load().hash;
    write(
      'mappings/tiny.yaml',
      `# a comment\n${TINY.replace('{ from: name, then: [trim], missing: reject }', '\n    from: "name"\n    then: [ trim ]\n    missing: reject')}`,
    );
    expect(load().hash).toBe(before);
    write('tables/areas.yaml', 'north: R1\nsouth: R3\n');
    const table = load().hash;
    expect(table).not.toBe(before);
    write('mappings/tiny.yaml', TINY.replace('R9', 'R8'));
    expect(load().hash).not.toBe(table);
  });

  it('are refused with every mistake of every file, in order', () => {
    write('mappings/other.yaml', TINY.replace('$key', '$kee').replace('areas', 'area'));
    write('mappings/broken.yaml', 'from: [');
    write('mappings/lost.cases.yaml', '- name: x');
    write('tables/rows.yaml', 'rows: { a: { x: 1, y: 2 }, b: { x: 1 } }');
    expect(told([{ ...tiny, mapping: 'tyni' }])).toEqual([
      expect.stringMatching(/^mappings\/broken.yaml:1:\d+: not valid YAML/),
      expect.stringMatching(/^mappings\/lost.cases.yaml:1:1: there is no mapping lost/),
      expect.stringMatching(/^mappings\/other.yaml:5:8: there is no variable \$kee/),
      expect.stringMatching(/^mappings\/other.yaml:7:40: there is no table area \(did you mean "areas"\?\)/),
      expect.stringMatching(/^tables\/rows.yaml:1:28: b lacks the column y/),
      expect.stringMatching(/^crossdock.yaml:1:1: there is no mapping tyni \(did you mean "tiny"\?\)/),
    ]);
  });

  it('replace ours of the same name, with its cases', () => {
    write('mappings/customer-to-erp.yaml', TINY);
    const bundle = load();
    expect(bundle.mappings.get('customer-to-erp')!.to).toBe('crm/account');
    expect(bundle.cases.has('customer-to-erp')).toBe(false);
    write('mappings/customer-to-erp.cases.yaml', '- { name: x, event: {}, ignored: "" }');
    expect(load().cases.get('customer-to-erp')).toBe(join(own, 'mappings/customer-to-erp.cases.yaml'));
  });

  it("of ours that no flow uses are left out where the user's schemas no longer fit them", () => {
    write('targets/erp/customer.json', ACCOUNT);
    expect(told([tiny])).toEqual([]);
    expect(load([tiny]).mappings.has('customer-to-erp')).toBe(false);
    const used = { ...tiny, flow: 'customers', mapping: 'customer-to-erp' };
    expect(told([tiny, used])).toContainEqual(expect.stringContaining('erp/customer has no field externalId'));
  });

  it('run their cases and show a difference by its path', () => {
    const event = '{ id: C-1, kind: COMPANY, name: " Acme ", status: ACTIVE, custom: { region: north } }';
    write(
      'mappings/tiny.cases.yaml',
      `- name: good
  event: ${event}
  document: { key: "acme:customer:C-1", name: Acme, area: R1 }
- name: another area
  event: ${event}
  document: { key: "acme:customer:C-1", name: Acme, area: R2, more: 1 }
- name: refused for another reason
  event: { id: C-1, kind: COMPANY, name: " ", status: ACTIVE }
  rejected: too long
- name: not refused
  event: ${event}
  rejected: ""
- name: no customer
  event: { id: C-1, name: x }
  ignored: ""
- name: a misspelt field in the event
  event: { id: C-1, kind: COMPANY, nmae: Acme, name: x, status: ACTIVE }
  document: {}
`,
    );
    const results = runCases(load(), 'tiny');
    expect(results.map(({ name, passed, line }) => [name, passed, line]).slice(0, 2)).toEqual([
      ['good', true, 1],
      ['another area', false, 4],
    ]);
    expect(results.map(({ difference }) => difference)).toEqual([
      '',
      'area: expected "R2", got "R1"\nmore: expected 1, got nothing',
      'expected the reason "too long", got "name is missing: name is absent"',
      'expected rejected, got document',
      'the event is not canonical/customer: kind is missing',
      'the event has fields that canonical/customer does not know: nmae',
    ]);
  });

  it('tell mistakes of a file of cases with their place', () => {
    write('mappings/tiny.cases.yaml', '- nmae: x\n  event: {}\n  document: {}\n- name: y\n  event: {}\n');
    expect(() => runCases(load(), 'tiny')).toThrow(
      /:1:3: unknown key nmae.*\n.*:1:3: the case has no name\n.*:4:3: a case expects one of/,
    );
  });

  it('explain what they read, what is read by nobody, and where each field comes from', () => {
    const explanation = load([tiny]).explain('tiny');
    expect(explanation.fields).toEqual([
      { target: 'key', reads: [], by: '$key', line: 5 },
      { target: 'name', reads: ['name'], by: 'from: name, then: …, missing: reject', line: 6 },
      { target: 'area', reads: ['custom.region'], by: 'from: custom.region, lookup: areas, default: R9', line: 7 },
    ]);
    expect(explanation.reads).toEqual(['custom.region', 'name']);
    expect(explanation.unread).toContain('billTo.city');
    expect(explanation.unread).toContain('taxIds[].value');
    expect(explanation.unread).not.toContain('name');
    expect(explanation.unread).not.toContain('custom.*');
    const order = load().explain('order-to-erp');
    expect(order.references).toEqual(['customer']);
    expect(order.sets).toEqual(['order-to-erp.currency', 'payment-terms']);
    expect(order.reads).toEqual(expect.arrayContaining(['stage', 'lines[].amount', 'total.amount', 'gross.currency']));
    expect(order.fields.find(({ target }) => target === 'total')?.reads).toEqual(['total.amount', 'lines']);
  });

  it('give editors a schema with the paths and fields there are', () => {
    const bundle = load();
    const schema = editorSchema(bundle.mapping('tiny'), bundle.schemas);
    expect(JSON.stringify(schema)).toContain('"billTo.city"');
    expect(schema['properties']).toMatchObject({
      fields: { properties: { key: {}, name: {}, area: {} }, additionalProperties: false },
    });
  });
});

describe('the editor schema of a mapping we ship', () => {
  const schemas = loadSchemas({ roots: [OURS] });
  const bundle = loadMappings({ roots: [OURS], schemas });

  for (const mapping of bundle.mappings.values())
    it(`takes ${mapping.name} as it is, and underlines a slip`, () => {
      const valid = new Ajv2020({ strict: false }).compile(editorSchema(mapping, schemas));
      const text = readFileSync(mapping.file, 'utf8');
      expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=editor/${mapping.name}.schema.json`);
      expect(valid(parse(text))).toBe(true);
      expect(valid(parse(text.replace(/(?<=^fields:\n  )\w+/m, 'nosuchfield')))).toBe(false);
      expect(valid(parse(text.replace('truncate:', 'trunkate:')))).toBe(false);
      expect(valid(parse(text.replace('fields:', 'filds:')))).toBe(false);
    });
});

describe('the reference of operators', () => {
  it('is what the code says (npm run generate)', () => {
    expect(readFileSync(join(packageRoot(), 'docs/reference/operators.md'), 'utf8')).toBe(operatorsReference());
  });
});
