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
});
