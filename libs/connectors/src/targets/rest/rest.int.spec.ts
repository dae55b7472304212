import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, type Connection, type DocumentDeclaration, type Target } from '#contracts';
import { describeTarget, type TargetBench, type TargetFault } from '#testing';
import { serveSandboxAlone } from '../../../../../apps/sandbox/src/serve.ts';
import { openTarget, parseTargetSettings } from '../../index.ts';

const SECRET = 'conformance-s3cret';

const ERP = {
  customer: {
    nature: 'state',
    schema: 'erp/customer',
    write: { method: 'PUT', path: '/customers/{key}' },
    find: { method: 'GET', path: '/customers/{key}', missing: 404 },
    id: '/id',
    repeatIsSafe: 'by-external-id',
  },
  salesOrder: {
    nature: 'state',
    schema: 'erp/sales-order',
    create: { method: 'POST', path: '/sales-orders' },
    update: { method: 'PUT', path: '/sales-orders/{id}' },
    cancel: { method: 'POST', path: '/sales-orders/{id}/cancel' },
    find: { method: 'GET', path: '/sales-orders?externalId={key}', list: '/items', match: '/externalId', id: '/id' },
    id: '/id',
    repeatIsSafe: { create: 'look-first' },
    statuses: { cancel: { '404': 'done', '409': 'done' } },
  },
};
const FINANCE = {
  journalEntry: {
    nature: 'fact',
    versions: 'once',
    schema: 'finance/journal-entry',
    create: { method: 'POST', path: '/journal-entries' },
    find: {
      method: 'GET',
      path: '/journal-entries?externalId={key}',
      list: '/items',
      match: '/externalId',
      matchRequest: '/requestKey',
    },
    id: '/id',
    idempotencyHeader: 'Idempotency-Key',
    keyLifetime: '24h',
    repeatIsSafe: 'by-idempotency-key',
  },
};

const EFFECTS: Record<TargetFault, object> = {
  'cut-after-applying': { kind: 'reset-after' },
  'cut-before-applying': { kind: 'reset-before' },
  silence: { kind: 'apply-and-never-answer' },
  'unreadable-success': { kind: 'garbage' },
  'too-many': { kind: 'status', status: 429, retryAfter: 7 },
  unavailable: { kind: 'status', status: 503, retryAfter: 7 },
  'server-error': { kind: 'status', status: 500 },
  refusal: { kind: 'status', status: 422 },
  'expired-credentials': { kind: 'status', status: 401 },
  'look-fails': { kind: 'status', status: 500 },
};

/** The generic target against the sandbox, whose ledger is the witness. */
async function bench(system: 'erp' | 'finance', documents: TargetBench['documents']): Promise<TargetBench> {
  const data = await mkdtemp(join(tmpdir(), 'crossdock-kit-'));
  const sandbox = await serveSandboxAlone({ data, token: new Secret(SECRET, 'test') });
  return {
    documents,
    secret: SECRET,
    async open({ credentials, nowhere, timeoutMs = 5_000 } = {}): Promise<Target> {
      const origin = nowhere === true ? await closedPort() : sandbox.url;
      const token = credentials === 'wrong' ? 'another' : SECRET;
      return openTarget({ ...connection(system, token), timeoutMs }, { sandbox: (path) => origin + path });
    },
    async next(fault) {
      const method = fault === 'look-fails' ? { method: 'GET' } : {};
      const rules = [{ match: { system, ...method }, times: 1, effect: EFFECTS[fault] }];
      const answer = await fetch(`${sandbox.url}/faults`, { method: 'PUT', body: JSON.stringify({ rules }) });
      if (!answer.ok) throw new Error(await answer.text());
    },
    async effects(document, key) {
      const answer = await fetch(`${sandbox.url}/ledger?bodies=true&key=${encodeURIComponent(key)}`);
      const { effects } = (await answer.json()) as { effects: { document: string; body: string }[] };
      return effects.filter((effect) => effect.document === document).map(({ body }) => body);
    },
    async close() {
      await sandbox.close();
      await rm(data, { recursive: true });
    },
  };
}

const connection = (system: 'erp' | 'finance', token: string): Connection => ({
  name: 'kit',
  connector: 'rest',
  side: 'target',
  zone: 'UTC',
  idPrefix: '',
  settings: {
    baseUrl: `sandbox:/${system}`,
    auth: { bearer: new Secret(token, 'test') },
    probe: { method: 'GET', path: '/health' },
    documents: system === 'erp' ? ERP : FINANCE,
  },
  budget: { concurrency: 4 },
  timeoutMs: 5_000,
  retry: { ladderMs: [5_000], jitter: 0.2 },
  breaker: { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: 5_000 },
  allowPrivate: false,
});

function declared(system: 'erp' | 'finance'): ReadonlyMap<string, DocumentDeclaration> {
  const checked = parseTargetSettings(connection(system, SECRET));
  if (checked.ok) return checked.value;
  throw new Error(JSON.stringify(checked.findings));
}

async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

const BUYER = 'kit:customer:buyer';
const customer = (key: string, note: string) =>
  `{"externalId":${JSON.stringify(key)},"name":"Krause","active":true,"taxIds":[],"creditLimit":"0.10","note":${JSON.stringify(note)}}`;
let buyerId = '';

describeTarget(
  'rest (sandbox ERP)',
  () =>
    bench('erp', [
      { document: 'customer', body: customer },
      {
        document: 'salesOrder',
        body: (key, note) =>
          `{"externalId":${JSON.stringify(key)},"customer":"${buyerId}","orderDate":"2026-11-02","status":"open",` +
          `"currency":"EUR","lines":[],"total":"1234567890.1200","note":${JSON.stringify(note)},"number":null}`,
        async arrange(target) {
          const written = await target.write({
            document: 'customer',
            operation: 'write',
            key: BUYER,
            requestKey: 'arrange',
            body: customer(BUYER, ''),
            signal: new AbortController().signal,
            onRequestStart: () => undefined,
          });
          if (written.outcome !== 'done') throw new Error(`the customer was not made: ${written.message}`);
          buyerId = written.targetId ?? '';
        },
      },
    ]),
  { documents: declared('erp') },
);

describeTarget(
  'rest (sandbox ledger)',
  () =>
    bench('finance', [
      {
        document: 'journalEntry',
        body: (key, text) =>
          `{"externalId":${JSON.stringify(key)},"date":"2026-11-02","currency":"EUR","text":${JSON.stringify(text)},` +
          `"lines":[{"account":"1400","debit":9999999999999.10},{"account":"8400","credit":9999999999999.10}]}`,
      },
    ]),
  { documents: declared('finance') },
);
