import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '#contracts';
import type { RunningApp } from '#platform';
import { serveSandboxAlone } from './serve.ts';

const CUSTOMER = { externalId: 'acme:customer:7', name: 'Möbel Krause', active: true };
const order = (customer: string, more: object = {}) => ({
  externalId: 'acme:order:1',
  customer,
  orderDate: '2026-11-02',
  status: 'open',
  currency: 'EUR',
  lines: [{ item: 'A-100', quantity: '2', price: '10.00', amount: '20.00' }],
  total: '20.00',
  ...more,
});

describe('the sandbox', () => {
  let data: string;
  let sandbox: RunningApp;
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(sandbox.url + path, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: text ? JSON.parse(text) : undefined };
  };
  const effects = async (): Promise<{ operation: string; key: string; targetId: string; hash: string }[]> =>
    (await call('GET', '/ledger')).json.effects;

  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'crossdock-sandbox-'));
    sandbox = await serveSandboxAlone({ data });
  });
  afterEach(async () => {
    await sandbox.close();
    await rm(data, { recursive: true });
  });

  const putCustomer = () => call('PUT', `/erp/customers/${encodeURIComponent(CUSTOMER.externalId)}`, CUSTOMER);

  it('upserts a customer by our key and gives it back', async () => {
    const created = await putCustomer();
    const again = await putCustomer();
    expect([created.status, again.status]).toEqual([201, 200]);
    expect(again.json.id).toBe(created.json.id);
    const path = `/erp/customers/${encodeURIComponent(CUSTOMER.externalId)}`;
    expect((await call('GET', path)).json).toMatchObject({ id: created.json.id, name: 'Möbel Krause' });
    expect((await call('GET', '/erp/customers/acme%3Acustomer%3A8')).status).toBe(404);
  });

  it('counts how many calls are open at once', async () => {
    await call('PUT', '/faults', { latencyMs: 50 });
    await Promise.all([1, 2, 3].map(() => call('GET', '/erp/health')));
    expect((await call('GET', '/load')).json.erp).toEqual({ calls: 3, open: 0, most: 3 });
    await call('DELETE', '/load');
    expect((await call('GET', '/load')).json.erp).toEqual({ calls: 3, open: 0, most: 0 });
  });

  it('takes keys of any length and any characters', async () => {
    const externalId = `acme:customer:${'ä/ %'.repeat(60)}`;
    const path = `/erp/customers/${encodeURIComponent(externalId)}`;
    expect((await call('PUT', path, { ...CUSTOMER, externalId })).status).toBe(201);
    expect((await call('GET', path)).json.externalId).toBe(externalId);
  });

  it('refuses an order of a customer it does not know', async () => {
    const refused = await call('POST', '/erp/sales-orders', order('C-1'));
    expect(refused.status).toBe(422);
    expect(refused.json.title).toBe('The customer is unknown');
    expect(await effects()).toEqual([]);
  });

  it('books an order twice when it is told twice, as ERPs do', async () => {
    const { id } = (await putCustomer()).json;
    const [first, second] = [
      await call('POST', '/erp/sales-orders', order(id)),
      await call('POST', '/erp/sales-orders', order(id)),
    ];
    expect(second.json.id).not.toBe(first.json.id);
    const found = await call('GET', '/erp/sales-orders?externalId=acme%3Aorder%3A1');
    expect(found.json.items.map((each: { id: string }) => each.id)).toEqual([first.json.id, second.json.id]);
  });

  it('updates what is there, keeps what is left out, and cancels once', async () => {
    const customer = (await putCustomer()).json.id;
    const { id } = (await call('POST', '/erp/sales-orders', order(customer, { note: 'by the gate' }))).json;
    const updated = await call('PUT', `/erp/sales-orders/${id}`, order(customer, { total: '21.00' }));
    expect(updated.json).toMatchObject({ id, total: '21.00', note: 'by the gate' });
    expect((await call('POST', `/erp/sales-orders/${id}/cancel`)).json.status).toBe('cancelled');
    expect((await call('POST', `/erp/sales-orders/${id}/cancel`)).status).toBe(409);
    expect((await call('POST', '/erp/sales-orders/SO-1/cancel')).status).toBe(404);
  });

  it('posts an entry once per idempotency key, and keeps every digit', async () => {
    const entry = (amount: string) =>
      `{"externalId":"acme:order:1","date":"2026-11-02","currency":"EUR",` +
      `"lines":[{"account":"1400","debit":${amount}},{"account":"8400","credit":${amount}}]}`;
    const key = { 'idempotency-key': 'b0a1' };
    const first = await call('POST', '/finance/journal-entries', entry('9999999999999.10'), key);
    const again = await call('POST', '/finance/journal-entries', entry('9999999999999.10'), key);
    expect(first.status).toBe(201);
    expect(first.text).toMatch(/"id":72057594037927936\d\d,/);
    expect(first.text).toContain('"debit":9999999999999.10');
    expect(again.text).toBe(first.text);
    expect((await call('POST', '/finance/journal-entries', entry('1.00'), key)).status).toBe(422);
    expect(await effects()).toHaveLength(1);
  });

  it('takes an entry back once, by an entry of its own', async () => {
    const entry =
      '{"externalId":"acme:order:1","date":"2026-11-02","currency":"EUR",' +
      '"lines":[{"account":"1400","debit":1},{"account":"8400","credit":1}]}';
    const { items } = await call('POST', '/finance/journal-entries', entry).then(() =>
      call('GET', '/finance/journal-entries').then(({ text }) => ({ items: /"id":(\d+)/.exec(text)! })),
    );
    const path = `/finance/journal-entries/${items[1]}/reversal`;
    const first = await call('POST', path, '', { 'idempotency-key': 'b0a1:reversal' });
    const again = await call('POST', path, '', { 'idempotency-key': 'b0a1:reversal' });
    expect([first.status, again.text]).toEqual([201, first.text]);
    expect(first.text).toContain(`"reverses":"${items[1]}"`);
    expect((await call('POST', path, '', { 'idempotency-key': 'other' })).status).toBe(409);
    expect((await call('POST', '/finance/journal-entries/1/reversal')).status).toBe(404);
    expect((await effects()).map((effect: { operation: string }) => effect.operation)).toEqual(['create', 'reverse']);
  });

  it('refuses an entry that does not balance to the cent', async () => {
    const body =
      '{"externalId":"o","date":"2026-11-02","currency":"EUR","lines":[{"account":"1","debit":0.30},' +
      '{"account":"2","credit":0.10},{"account":"3","credit":0.19}]}';
    expect((await call('POST', '/finance/journal-entries', body)).status).toBe(422);
    expect((await call('POST', '/finance/journal-entries', body.replace('0.19', '0.20'))).status).toBe(201);
  });

  it('has after a restart what stands in its ledger, also when the last line was cut', async () => {
    const { id } = (await putCustomer()).json;
    await call('POST', '/erp/sales-orders', order(id));
    const before = await effects();
    await sandbox.close();
    await appendFile(join(data, 'sandbox-ledger.ndjson'), '{"n":3,"at":"2026-');
    sandbox = await serveSandboxAlone({ data });
    expect(await effects()).toEqual(before);
    const bodies = (await call('GET', '/ledger?bodies=true&system=erp')).json.effects;
    expect(bodies.map((each: { body: string }) => JSON.parse(each.body))).toEqual([CUSTOMER, order(id)]);
    expect((await call('GET', '/erp/sales-orders?externalId=acme:order:1')).json.total).toBe(1);
    expect((await call('POST', '/erp/sales-orders', order(id, { externalId: 'acme:order:2' }))).status).toBe(201);
    const lines = (await readFile(join(data, 'sandbox-ledger.ndjson'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).n)).toEqual([1, 2, 3]);
  });

  it('lets nobody in without the token it was given', async () => {
    await sandbox.close();
    sandbox = await serveSandboxAlone({ data, token: new Secret('s3cret', 'test') });
    expect((await call('GET', '/erp/health')).status).toBe(401);
    expect((await call('GET', '/erp/health', undefined, { authorization: 'Bearer s3cret' })).status).toBe(200);
  });

  describe('told what goes wrong', () => {
    const faults = (plan: object) => call('PUT', '/faults', plan);

    it('answers a status on the nth call only, with Retry-After', async () => {
      await faults({
        rules: [{ match: { path: '^/customers' }, nth: 2, effect: { kind: 'status', status: 429, retryAfter: 7 } }],
      });
      const answers = [await putCustomer(), await putCustomer(), await putCustomer()];
      expect(answers.map(({ status }) => status)).toEqual([201, 429, 200]);
      expect(answers[1]!.headers.get('retry-after')).toBe('7');
      expect((await call('GET', '/faults')).json.rules[0]).toMatchObject({ matched: 3, applied: 1 });
    });

    it.each([
      ['reset-after', 1],
      ['truncated', 1],
      ['reset-before', 0],
      ['down', 0],
    ])('%s breaks the connection with %i effects', async (kind, count) => {
      await faults({ rules: [{ match: { system: 'erp', method: 'PUT' }, effect: { kind } }] });
      await expect(putCustomer()).rejects.toThrow();
      expect(await effects()).toHaveLength(count);
    });

    it.each([
      ['apply-and-never-answer', 1],
      ['hang', 0],
    ])('%s says nothing, with %i effects, on one key only', async (kind, count) => {
      await faults({ rules: [{ match: { key: ':7$' }, effect: { kind } }] });
      const silent = fetch(`${sandbox.url}/erp/customers/acme%3Acustomer%3A7`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(CUSTOMER),
        signal: AbortSignal.timeout(300),
      });
      await expect(silent).rejects.toThrow();
      expect(await effects()).toHaveLength(count);
      const other = { ...CUSTOMER, externalId: 'acme:customer:8' };
      expect((await call('PUT', '/erp/customers/acme%3Acustomer%3A8', other)).status).toBe(201);
    });

    it('applies late, after the caller gave up', async () => {
      await faults({ rules: [{ match: { method: 'PUT' }, effect: { kind: 'apply-late', afterMs: 400 } }] });
      const gaveUp = fetch(`${sandbox.url}/erp/customers/acme%3Acustomer%3A7`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(CUSTOMER),
        signal: AbortSignal.timeout(100),
      });
      await expect(gaveUp).rejects.toThrow();
      expect(await effects()).toHaveLength(0);
      const deadline = Date.now() + 5_000;
      while ((await effects()).length === 0 && Date.now() < deadline) await new Promise(setImmediate);
      expect(await effects()).toHaveLength(1);
    });

    it('refuses connections for a while and is back by itself', async () => {
      await faults({ refuseMs: 300 });
      const reach = (): Promise<string> =>
        fetch(`${sandbox.url}/erp/health`, { signal: AbortSignal.timeout(1_000) }).then(
          () => 'answered',
          (error: Error) => String((error.cause as { code?: unknown } | undefined)?.code),
        );
      const deadline = Date.now() + 30_000;
      let seen = '';
      while (seen !== 'ECONNREFUSED' && Date.now() < deadline) seen = await reach();
      expect(seen).toBe('ECONNREFUSED');
      while (seen !== 'answered' && Date.now() < deadline) seen = await reach();
      expect(seen).toBe('answered');
    });

    it('stops at once although its door is closed', async () => {
      await faults({ refuseMs: 60_000 });
      const closed = () =>
        call('GET', '/erp/health').then(
          () => false,
          () => true,
        );
      while (!(await closed()));
      const begun = performance.now();
      await sandbox.close();
      expect(performance.now() - begun).toBeLessThan(20_000);
      sandbox = await serveSandboxAlone({ data });
    });

    it('stops at once although calls hang and wait, and what waited never took effect', async () => {
      await faults([
        { match: { method: 'GET' }, effect: 'hang' },
        { match: { method: 'PUT' }, effect: { kind: 'apply-late', afterMs: 60_000 } },
      ]);
      const calls = Promise.allSettled([call('GET', '/erp/health'), putCustomer()]);
      const rules = async () => (await call('GET', '/faults')).json.rules as { applied: number }[];
      while ((await rules()).some(({ applied }) => applied === 0));
      const begun = performance.now();
      await sandbox.close();
      expect(performance.now() - begun).toBeLessThan(20_000);
      expect((await calls).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      sandbox = await serveSandboxAlone({ data });
      expect(await effects()).toEqual([]);
    });

    it('takes a bare list of rules and bare words, and forgets them when told', async () => {
      await faults([{ match: { system: 'erp' }, effect: 'down' }]);
      await expect(putCustomer()).rejects.toThrow();
      expect((await call('GET', '/finance/health')).status).toBe(200);
      expect((await call('DELETE', '/faults')).status).toBe(204);
      expect((await putCustomer()).status).toBe(201);
    });

    it('names what is wrong with a plan and leaves the one in force', async () => {
      await faults({ latencyMs: 3 });
      const refused = await faults({ rules: [{ effect: 'explode' }] });
      expect(refused.status).toBe(400);
      expect(refused.json.detail).toContain('rules.0.effect');
      expect((await call('GET', '/faults')).json.latencyMs).toBe(3);
    });
  });
});
