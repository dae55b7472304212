import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRuntime, readEnvironment, type RunningApp } from '#platform';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { start } from './main.ts';

describe('the sandbox process', () => {
  let data: string;
  let sandbox: RunningApp;
  let database: ClonedDatabase;

  beforeAll(async () => {
    database = await clonedDatabase();
    data = await mkdtemp(join(tmpdir(), 'crossdock-sandbox-'));
    const environment = readEnvironment({ CROSSDOCK_METRICS_PORT: '0', CROSSDOCK_SANDBOX_PORT: '0' });
    sandbox = await start(openRuntime({ ...environment, data, databaseUrl: database.url }));
  });
  afterAll(async () => {
    await sandbox.close();
    await database.close();
    await rm(data, { recursive: true });
  });

  it('serves CRM, ERP and finance system on one port', async () => {
    for (const path of ['/crm/customers', '/erp/health', '/finance/health', '/ledger', '/faults'])
      expect([path, (await fetch(sandbox.url + path)).status]).toEqual([path, 200]);
  });

  const call = async (method: string, path: string, body?: object): Promise<{ status: number; body: CrmRecord }> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(sandbox.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as CrmRecord };
  };

  it('lets the CRM be told what became of a record: a change is its next version and event, a repeat is none', async () => {
    const { body: customer } = await call('POST', '/crm/customers', { name: 'Alder Quay Optics', country: 'DE' });
    const path = `/crm/customers/${customer.id}/sync`;
    const told = await call('PUT', path, { status: 'SYNCED', erpNumber: 'C-1' });
    expect(told).toMatchObject({
      status: 200,
      body: { id: customer.id, version: 2, syncStatus: 'SYNCED', erpNumber: 'C-1' },
    });
    expect((await call('PUT', path, { status: 'SYNCED', erpNumber: 'C-1' })).body.version).toBe(2);
    const refused = await call('PUT', path, { status: 'REFUSED', reason: 'no tax id' });
    expect(refused.body).toMatchObject({ version: 3, erpNumber: 'C-1', syncReason: 'no tax id' });
    expect((await call('PUT', path, { status: 'SYNCED' })).body).toMatchObject({ version: 4, syncReason: null });
    const events = await database.database.query<{ type: string }>(
      'select type from outbox where aggregateid = $1 order by id',
      [`sb-${customer.id}`],
    );
    expect(events.map(({ type }) => type)).toEqual(
      ['created', 'updated', 'updated', 'updated'].map((what) => `crm.customer.${what}`),
    );

    expect((await call('PUT', '/crm/opportunities/none/sync', { status: 'SYNCED' })).status).toBe(404);
    expect((await call('PUT', path, { status: 'FINE' })).status).toBe(400);
    await call('PUT', '/faults', [
      { match: { system: 'crm', method: 'PUT', key: customer.id }, effect: { kind: 'status', status: 503 } },
    ]);
    expect((await call('PUT', path, { status: 'WAITING' })).status).toBe(503);
    expect((await call('GET', '/crm/health')).status).toBe(200);
    await call('DELETE', '/faults');
  });
});

interface CrmRecord {
  id: string;
  version: number;
  syncStatus: string | null;
  erpNumber: string | null;
  syncReason: string | null;
}
