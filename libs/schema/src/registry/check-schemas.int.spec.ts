import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Decimal } from '#contracts';
import { avroReader } from '../avro/avro-reader.ts';
import { loadSchemas } from '../load-schemas.ts';
import { checkSchemas } from './check-schemas.ts';
import { fileRegistry } from './file-registry.ts';

const ours = fileURLToPath(new URL('../../../../schemas', import.meta.url));
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'crossdock-schemas-'));
  cpSync(ours, root, { recursive: true });
  checkSchemas({ root, update: true });
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function edit(file: string, from: string, to: string): void {
  const path = join(root, file);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

const NEW_FIELD =
  '"fields": [{ "name": "region2", "type": ["null", "string"], "default": null, "doc": "Second region.", "x-class": "internal" },';
const messages = (): string[] => checkSchemas({ root }).findings.map(({ message }) => message);

describe('the gate for schemas', () => {
  it('passes the schemas of the repository, lock included', () => {
    expect(checkSchemas({ root: ours })).toEqual({ findings: [], added: [] });
  });

  it('lets an optional field in and gives the new versions ids, once', () => {
    edit('canonical/address.avsc', '"fields": [', NEW_FIELD);
    expect(messages()).toContain('canonical/address has a version that registry.lock.json does not know');
    const { added } = checkSchemas({ root, update: true });
    expect(added.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'canonical/address 2',
      'canonical/customer 2',
      'canonical/order 2',
    ]);
    expect(checkSchemas({ root, update: true })).toEqual({ findings: [], added: [] });
  });

  it('does not make a version of a better description', () => {
    edit('canonical/address.avsc', 'A postal address.', 'Where somebody can be found.');
    expect(checkSchemas({ root })).toEqual({ findings: [], added: [] });
  });

  it.each([
    ['canonical/money.avsc', '"scale": 9', '"scale": 2', 'amount: the scale changed from 9 to 2'],
    [
      'canonical/order.avsc',
      '["OPEN", "WON", "LOST", "CANCELLED"]',
      '["OPEN", "WON", "LOST"]',
      'stage: symbol CANCELLED was removed',
    ],
    ['canonical/product.avsc', '"name": "sku"', '"name": "stockNumber"', 'stockNumber: a new field needs a default'],
    ['canonical/order-line.avsc', '"type": "int"', '"type": "string"', 'lineNo: the type changed from int to string'],
  ])('refuses in %s: %s -> %s', (file, from, to, message) => {
    edit(file, from, to);
    const lock = readFileSync(join(root, 'registry.lock.json'), 'utf8');
    const { findings } = checkSchemas({ root, update: true });
    const found = findings.find((finding) => finding.message.startsWith(message));
    expect(found).toMatchObject({ file: join(root, file), column: expect.any(Number) });
    expect(found!.line).toBeGreaterThan(1);
    expect(readFileSync(join(root, 'registry.lock.json'), 'utf8')).toBe(lock);
  });

  it.each([
    [
      'targets/erp/customer.json',
      '"required": ["externalId", "name", "active"]',
      '"required": ["externalId", "name", "active", "email"]',
      'email is required now and was not',
    ],
    ['targets/erp/customer.json', '"maxLength": 200', '"maxLength": 40', 'maxLength is narrower than before'],
    [
      'targets/erp/sales-order.json',
      '["draft", "open", "closed", "cancelled"]',
      '["draft", "open"]',
      'closed, cancelled was removed',
    ],
    [
      'targets/erp/sales-order.json',
      '"note": { "type": ["string", "null"]',
      '"note": { "type": "string"',
      'the type null is refused now',
    ],
    ['targets/erp/sales-order.json', '"number":', '"orderNumber":', 'the field number was removed'],
    ['targets/finance/journal-entry.json', '"multipleOf": 0.01', '"multipleOf": 1', 'multipleOf is new or another'],
  ])('refuses in %s: %s -> %s', (file, from, to, message) => {
    edit(file, from, to);
    const found = checkSchemas({ root }).findings.filter((finding) => finding.file === join(root, file));
    expect(found.map((finding) => finding.message)).toEqual(expect.arrayContaining([expect.stringContaining(message)]));
    expect(found[0]!.line).toBeGreaterThan(1);
  });

  it('lets a target take more than before', () => {
    edit(
      'targets/erp/sales-order.json',
      '["draft", "open", "closed", "cancelled"]',
      '["draft", "open", "closed", "cancelled", "shipped"]',
    );
    edit('targets/erp/sales-order.json', '"maxLength": 999', '"maxLength": 2000');
    expect(checkSchemas({ root, update: true }).added).toMatchObject([{ name: 'erp/sales-order', version: 2 }]);
  });

  it('refuses a field that does not say what it means or who may see it', () => {
    edit('canonical/money.avsc', '"x-class": "sensitive"', '"x-class": "secret"');
    expect(checkSchemas({ root }).findings).toContainEqual(
      expect.objectContaining({
        message: 'field amount has no x-class',
        file: join(root, 'canonical/money.avsc'),
        line: 7,
      }),
    );
  });

  it('sees a locked version that somebody edited', () => {
    edit('registry.lock.json', '"name":"amount"', '"name":"sum"');
    expect(messages().join()).toContain('was edited; a locked version never changes');
  });

  it('shows broken files with line and column, all of them', () => {
    edit('canonical/money.avsc', '"record",', '"record",,');
    edit('targets/erp/customer.json', '"type": "object",', '"type": "object", "type": "object",');
    const { findings } = checkSchemas({ root });
    expect(findings.map(({ file, line }) => [file, line])).toEqual(
      expect.arrayContaining([
        [join(root, 'canonical/money.avsc'), 2],
        [join(root, 'targets/erp/customer.json'), expect.any(Number)],
      ]),
    );
  });

  it('takes the schemas of a user without a lock, also in the place of ours', () => {
    const home = mkdtempSync(join(tmpdir(), 'crossdock-home-'));
    try {
      mkdirSync(join(home, 'targets/erp'), { recursive: true });
      mkdirSync(join(home, 'canonical'));
      writeFileSync(join(home, 'targets/erp/customer.json'), '{ "type": "object", "required": ["vat"] }');
      writeFileSync(join(home, 'targets/erp/other.json'), '{ "type": "object" }');
      expect(checkSchemas({ root: home, base: [ours] })).toEqual({ findings: [], added: [] });
      const registry = fileRegistry(loadSchemas({ roots: [ours, home] }));
      expect(registry.idOfNow('erp/customer')).toBeGreaterThan(0x4000_0000);

      const money = readFileSync(join(ours, 'canonical/money.avsc'), 'utf8');
      writeFileSync(join(home, 'canonical/money.avsc'), money.replace('"scale": 9', '"scale": 2'));
      expect(checkSchemas({ root: home, base: [ours] }).findings.length).toBeGreaterThan(0);
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  it.each([
    ['canonical/money.avsc', '"type": "bytes"', '"type": "float"', 'the type float is not supported here', 6],
    [
      'canonical/order.avsc',
      '"crossdock.canonical.OrderLine"',
      '"crossdock.canonical.Line"',
      'unknown type crossdock.canonical.Line',
      100,
    ],
    [
      'canonical/product.avsc',
      '"default": null',
      '"default": 5',
      'field version: the default of an optional field is null',
      10,
    ],
    [
      'canonical/product.avsc',
      '["null", "long"]',
      '["null", "long", "int"]',
      'field version: the only union is ["null", type], null first',
      10,
    ],
    [
      'targets/erp/customer.json',
      '"enum": ["company", "person"]',
      '"enum": "company"',
      'not a JSON Schema: enum must be array',
      10,
    ],
  ])('says where %s is broken by %s -> %s', (file, from, to, message, line) => {
    edit(file, from, to);
    const found = checkSchemas({ root }).findings.find((finding) => finding.message === message);
    expect(found?.file).toBe(join(root, file));
    expect(found!.line).toBeGreaterThanOrEqual(line);
  });

  it('reads documents whose unlocked schema was edited since, but not events', async () => {
    const home = mkdtempSync(join(tmpdir(), 'crossdock-home-'));
    try {
      const file = join(home, 'targets/acme/account.json');
      cpSync(join(ours, 'targets/erp/customer.json'), file);
      const before = fileRegistry(loadSchemas({ roots: [ours, home] })).idOfNow('acme/account');
      writeFileSync(file, '{ "type": "object" }');
      const after = fileRegistry(loadSchemas({ roots: [ours, home] }));
      expect(after.idOfNow('acme/account')).not.toBe(before);
      expect(await after.byId(before)).toMatchObject({ kind: 'JSON' });
      expect(await after.byId(0x6000_0001)).toBe('newer');
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  it('gives the schemas of a user ids of their own', () => {
    const home = mkdtempSync(join(tmpdir(), 'crossdock-home-'));
    try {
      cpSync(join(ours, 'targets/erp/customer.json'), join(home, 'targets/acme/account.json'));
      const { added } = checkSchemas({ root: home, base: [ours], update: true });
      expect(added).toEqual([{ name: 'acme/account', version: 1, id: 10_001 }]);
      expect(fileRegistry(loadSchemas({ roots: [ours, home] })).idOfNow('acme/account')).toBe(10_001);
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

describe('reading older versions', () => {
  it('gives records of an older schema the form of the one in force', async () => {
    const before = loadSchemas({ roots: [root] });
    const id = await fileRegistry(before).idOf('canonical/money');
    const value = before.avro('canonical/money')!.encodeFramed(id, { amount: new Decimal('1.5'), currency: 'EUR' });
    edit('canonical/money.avsc', '"fields": [', NEW_FIELD);
    checkSchemas({ root, update: true });

    const now = loadSchemas({ roots: [root] });
    const read = avroReader(now.avro('canonical/money')!, fileRegistry(now));
    expect(await read(value)).toEqual({
      ok: true,
      record: { region2: null, amount: new Decimal('1.5'), currency: 'EUR' },
    });
    expect(await fileRegistry(now).idOf('canonical/money')).not.toBe(id);
  });

  it('takes an id that its lock lacks for one of a newer version, and one that no lock ever had for none', async () => {
    const before = loadSchemas({ roots: [root] });
    const read = avroReader(before.avro('canonical/money')!, fileRegistry(before));
    edit('canonical/money.avsc', '"fields": [', NEW_FIELD);
    checkSchemas({ root, update: true });
    const now = loadSchemas({ roots: [root] });
    const id = await fileRegistry(now).idOf('canonical/money');
    const value = now.avro('canonical/money')!.encodeFramed(id, { amount: new Decimal('1.5'), currency: 'EUR' });
    expect(await read(value)).toEqual({ ok: false, reason: `the registry knows no schema ${id}`, newer: id });
    expect(await fileRegistry(before).byId(11_500)).toBe('unknown');
    expect(await fileRegistry(before).byId(0)).toBe('unknown');
  });

  it('says why bytes are for the dead-letter topic', async () => {
    const schemas = loadSchemas({ roots: [root] });
    const registry = fileRegistry(schemas);
    const read = avroReader(schemas.canonical('order')!, registry);
    const framed = (id: number): Buffer => Buffer.from([0, id >> 24, id >> 16, id >> 8, id, 2, 65]);
    expect(await read(Buffer.from('{}'))).toMatchObject({ ok: false, reason: expect.stringContaining('frame') });
    expect(await read(framed(999_999))).toEqual({ ok: false, reason: 'the registry knows no schema 999999' });
    expect(await read(framed(await registry.idOf('canonical/order')))).toMatchObject({ ok: false });
    expect(await read(framed(await registry.idOf('erp/customer')))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('is not Avro'),
    });
    expect(await read(framed(await registry.idOf('canonical/money')))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('does not fit canonical/order'),
    });
  });
});
