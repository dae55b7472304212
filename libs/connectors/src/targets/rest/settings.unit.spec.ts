import { describe, expect, it } from '@jest/globals';
import { Secret, type Connection, type SettingsValue } from '#contracts';
import { openTarget, parseTargetSettings } from '../../index.ts';
import type { SettingsFinding } from '../../target-connector.ts';

type Settings = { [name: string]: SettingsValue };

const connection = (settings: Settings): Connection => ({
  name: 'main-erp',
  connector: 'rest',
  side: 'target',
  zone: 'UTC',
  idPrefix: '',
  settings,
  budget: { concurrency: 4 },
  timeoutMs: 30_000,
  retry: { ladderMs: [5_000], jitter: 0.2 },
  breaker: { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: 5_000 },
  allowPrivate: true,
});

const customer: Settings = {
  nature: 'state',
  schema: 'erp/customer',
  write: { method: 'PUT', path: '/customers/{key}' },
  find: { method: 'GET', path: '/customers/{key}', missing: 404 },
  id: '/id',
  repeatIsSafe: 'by-external-id',
};
const salesOrder: Settings = {
  nature: 'state',
  schema: 'erp/sales-order',
  create: { method: 'POST', path: '/sales-orders' },
  update: { method: 'PUT', path: '/sales-orders/{id}' },
  cancel: { method: 'POST', path: '/sales-orders/{id}/cancel' },
  find: { method: 'GET', path: '/sales-orders?externalId={key}', list: '/items', match: '/externalId', id: '/id' },
  id: '/id',
  repeatIsSafe: { create: 'look-first' },
  settle: '60s',
  statuses: { cancel: { '404': 'done', '409': 'done' } },
};
const journalEntry: Settings = {
  nature: 'fact',
  versions: 'once',
  schema: 'finance/journal-entry',
  create: { method: 'POST', path: '/journal-entries' },
  idempotencyHeader: 'Idempotency-Key',
  keyLifetime: '24h',
  repeatIsSafe: 'by-idempotency-key',
};
const reversed: Settings = { ...journalEntry, versions: 'reversal', reverse: { swap: ['debit', 'credit'] } };
const whole = (documents: Settings, more: Settings = {}): Connection =>
  connection({
    baseUrl: 'https://erp.acme.example/api',
    auth: { bearer: new Secret('t0ken', 'env ERP_TOKEN') },
    probe: { method: 'GET', path: '/health' },
    documents,
    ...more,
  });

const findings = (given: Connection): SettingsFinding[] => {
  const parsed = parseTargetSettings(given);
  return parsed.ok ? [] : parsed.findings;
};
const only = (given: Connection): SettingsFinding => {
  const all = findings(given);
  expect(all).toHaveLength(1);
  return all[0]!;
};

describe('the settings of a rest connection', () => {
  it('are understood as the configuration contract has them', () => {
    const parsed = parseTargetSettings(
      whole(
        { customer, salesOrder, journalEntry },
        { statuses: { '409': 'duplicate', '423': 'retry' }, success: { pointer: '/ok', equals: true } },
      ),
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings));
    expect(parsed.value.get('customer')).toMatchObject({
      document: 'customer',
      nature: 'state',
      operations: new Set(['write']),
      canFind: true,
      repeatIsSafe: { write: 'by-external-id' },
      settleMs: 60_000,
      idIsKey: false,
    });
    expect(parsed.value.get('salesOrder')).toMatchObject({
      operations: new Set(['create', 'update', 'cancel']),
      repeatIsSafe: { create: 'look-first', update: 'by-external-id', cancel: 'by-external-id' },
      settleMs: 60_000,
    });
    expect(parsed.value.get('journalEntry')).toMatchObject({
      nature: 'fact',
      versions: 'once',
      canFind: false,
      keyLifetimeMs: 86_400_000,
      repeatIsSafe: { create: 'by-idempotency-key' },
      idIsKey: true,
    });
  });

  it('take a missing settle for twice the timeout', () => {
    const parsed = parseTargetSettings({ ...whole({ customer }), timeoutMs: 7_000 });
    expect(parsed.ok && parsed.value.get('customer')?.settleMs).toBe(14_000);
  });

  it.each([
    ['once', 'once'],
    ['each', 'each'],
  ])('take versions: %s', (versions) => {
    expect(findings(whole({ journalEntry: { ...journalEntry, versions } }))).toEqual([]);
  });

  it('say how a reversal is made and why repeating it is safe', () => {
    const own = { method: 'POST', path: '/journal-entries/{id}/reversal' };
    const parsed = parseTargetSettings(whole({ bySwap: reversed, byRequest: { ...reversed, reverse: own } }));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings));
    expect(parsed.value.get('bySwap')).toMatchObject({
      versions: 'reversal',
      operations: new Set(['create', 'reverse']),
      reverseBySwap: ['debit', 'credit'],
      repeatIsSafe: { create: 'by-idempotency-key', reverse: 'by-idempotency-key' },
    });
    expect(parsed.value.get('byRequest')!.reverseBySwap).toBeUndefined();
    const chosen = { create: 'look-first', reverse: 'by-external-id' };
    const find = { path: '/journal-entries?key={key}', list: '/items', match: '/key', matchRequest: '/request' };
    expect(findings(whole({ j: { ...reversed, reverse: own, find, repeatIsSafe: chosen } }))).toEqual([]);
  });

  it('may reach the sandbox without a port', () => {
    expect(findings(whole({ customer }, { baseUrl: 'sandbox:/erp' }))).toEqual([]);
  });

  it('want every secret as a reference and never repeat what stood there', () => {
    const finding = only(whole({ customer }, { auth: { bearer: 'pl4in-t0ken' } }));
    expect(finding.path).toEqual(['auth', 'bearer']);
    expect(finding.message).toContain('{ env: NAME }');
    expect(JSON.stringify(finding)).not.toContain('pl4in');
  });

  it.each<[string, Settings, string]>([
    ['basic', { basic: { username: 'u', password: 'p' } }, 'password'],
    ['header', { header: { name: 'X-Key', value: 'v' } }, 'value'],
    ['oauth2', { oauth2: { tokenUrl: 'https://x.example/t', clientId: 'c', clientSecret: 's' } }, 'clientSecret'],
  ])('want the secret of %s as a reference', (way, auth, field) => {
    expect(only(whole({ customer }, { auth })).path).toEqual(['auth', way, field]);
  });

  it('name an unknown setting and the one that was probably meant', () => {
    expect(only(whole({ customer: { ...customer, repeatIsSave: 'never' } }))).toEqual({
      path: ['documents', 'customer', 'repeatIsSave'],
      message: 'unknown setting repeatIsSave',
      suggestion: 'did you mean "repeatIsSafe"?',
    });
  });

  it('show every mistake, not just the first', () => {
    const all = findings(
      whole(
        { customer: { ...customer, nature: 'thing', id: 'id' } },
        { baseUrl: 'ftp://x', timeouts: '3s', statuses: { abc: 'done' } },
      ),
    );
    expect(all.map(({ path }) => path.join('.'))).toEqual([
      'baseUrl',
      'documents.customer.nature',
      'documents.customer.id',
      'statuses.abc',
      'timeouts',
    ]);
  });

  const without = (document: Settings, name: string): Settings =>
    Object.fromEntries(Object.entries(document).filter(([key]) => key !== name));

  it.each<[string, Connection, string, RegExp]>([
    [
      'a document that does not say why repeating is safe',
      whole({ c: without(customer, 'repeatIsSafe') }),
      'documents.c.repeatIsSafe',
      /one of|missing/,
    ],
    [
      'a create without a word',
      whole({ o: { ...salesOrder, repeatIsSafe: {} } }),
      'documents.o.repeatIsSafe',
      /create/,
    ],
    [
      'a fact that does not say what becomes of versions',
      whole({ j: without(journalEntry, 'versions') }),
      'documents.j',
      /versions must be said/,
    ],
    ['versions on a state', whole({ c: { ...customer, versions: 'once' } }), 'documents.c.versions', /for facts/],
    [
      'reversal without a way to reverse',
      whole({ j: { ...journalEntry, versions: 'reversal' } }),
      'documents.j',
      /how a posting is reversed/,
    ],
    [
      'a way to reverse that nothing asks for',
      whole({ j: { ...journalEntry, reverse: { swap: ['debit', 'credit'] } } }),
      'documents.j.reverse',
      /never be used/,
    ],
    [
      'a field exchanged with itself',
      whole({ j: { ...reversed, reverse: { swap: ['debit', 'debit'] } } }),
      'documents.j.reverse.swap',
      /reverses nothing/,
    ],
    [
      'statuses of a reversal that is a create',
      whole({ j: { ...reversed, statuses: { reverse: { '409': 'done' } } } }),
      'documents.j.statuses.reverse',
      /statuses.create counts/,
    ],
    [
      'a reversal by a request of its own, of which look-first says nothing',
      whole({
        j: {
          ...without(without(reversed, 'idempotencyHeader'), 'keyLifetime'),
          reverse: { method: 'POST', path: '/journal-entries/{id}/reversal' },
          find: { path: '/journal-entries?key={key}', list: '/items', match: '/key', matchRequest: '/request' },
          repeatIsSafe: 'look-first',
        },
      }),
      'documents.j.repeatIsSafe',
      /says nothing of reverse/,
    ],
    [
      'an idempotency header whose keys live nobody knows how long',
      whole({ j: without(journalEntry, 'keyLifetime') }),
      'documents.j',
      /keyLifetime is required/,
    ],
    [
      'by-idempotency-key without sending one',
      whole({ j: without(without(journalEntry, 'keyLifetime'), 'idempotencyHeader') }),
      'documents.j.repeatIsSafe',
      /sends no idempotency key/,
    ],
    ['look-first without a look', whole({ o: without(salesOrder, 'find') }), 'documents.o.repeatIsSafe', /needs find/],
    [
      'look-first of a fact without the request key in what is found',
      whole({
        j: {
          ...journalEntry,
          repeatIsSafe: 'look-first',
          find: { path: '/journal-entries?externalId={key}', list: '/items', match: '/externalId' },
        },
      }),
      'documents.j.find',
      /matchRequest/,
    ],
    [
      'a look for a fact repeated by its key, without the request key in what is found',
      whole({
        j: {
          ...journalEntry,
          find: { path: '/journal-entries?externalId={key}', list: '/items', match: '/externalId' },
        },
      }),
      'documents.j.find',
      /matchRequest/,
    ],
    [
      'look-first for an upsert',
      whole({ c: { ...customer, repeatIsSafe: 'look-first' } }),
      'documents.c.repeatIsSafe',
      /look-first is for creates/,
    ],
    [
      'look-first for an update',
      whole({ o: { ...salesOrder, repeatIsSafe: { create: 'look-first', update: 'look-first' } } }),
      'documents.o.repeatIsSafe',
      /for creates/,
    ],
    [
      'a list without match',
      whole({ o: { ...salesOrder, find: { path: '/o?x={key}', list: '/items' } } }),
      'documents.o.find',
      /match is required/,
    ],
    ['neither write nor create', whole({ c: without(customer, 'write') }), 'documents.c', /neither write/],
    [
      'write beside create',
      whole({ c: { ...customer, create: { method: 'POST', path: '/c' }, repeatIsSafe: 'never' } }),
      'documents.c.create',
      /never be used/,
    ],
    [
      "the target's id where there is none yet",
      whole({ o: { ...salesOrder, create: { method: 'POST', path: '/o/{id}' } } }),
      'documents.o.create.path',
      /own id/,
    ],
    [
      'duplicate for an update',
      whole({ o: { ...salesOrder, statuses: { update: { '409': 'duplicate' } } } }),
      'documents.o.statuses.update.409',
      /creates only/,
    ],
    [
      'an unknown placeholder',
      whole({ c: { ...customer, write: { method: 'PUT', path: '/c/{externalId}' } } }),
      'documents.c.write.path',
      /\{externalId\} is none of/,
    ],
    [
      'a brace that is not closed',
      whole({ c: { ...customer, write: { method: 'PUT', path: '/c/{key' } } }),
      'documents.c.write.path',
      /not closed/,
    ],
    [
      'a base URL with a password',
      whole({ customer }, { baseUrl: 'https://u:p@x.example' }),
      'baseUrl',
      /without user/,
    ],
    [
      'two ways to prove who we are',
      whole(
        { customer },
        { auth: { bearer: new Secret('a', 't'), basic: { username: 'u', password: new Secret('b', 't') } } },
      ),
      'auth',
      /one of bearer/,
    ],
    ['a duration without a unit', whole({ c: { ...customer, settle: '60' } }), 'documents.c.settle', /duration/],
    ['no documents', connection({ baseUrl: 'https://x.example' }), 'documents', /missing/],
  ])('refuse %s', (_, given, path, message) => {
    const finding = only(given);
    expect(finding.path.join('.')).toBe(path);
    expect(finding.message).toMatch(message);
  });

  it('refuse to be opened unchecked', () => {
    expect(() => openTarget(connection({}), { sandbox: (path) => path })).toThrow('not checked');
    expect(findings({ ...whole({ customer }), connector: 'netsuite' })[0]?.message).toContain('unknown connector');
  });

  it('leave update and cancel repeatable under one look-first for all, and not under one never', () => {
    const words = (repeatIsSafe: string) => {
      const parsed = parseTargetSettings(whole({ o: { ...salesOrder, repeatIsSafe } }));
      return parsed.ok ? parsed.value.get('o')?.repeatIsSafe : parsed.findings;
    };
    expect(words('look-first')).toEqual({ create: 'look-first', update: 'by-external-id', cancel: 'by-external-id' });
    expect(words('never')).toEqual({ create: 'never', update: 'never', cancel: 'never' });
  });
});
