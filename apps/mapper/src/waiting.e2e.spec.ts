import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { clonedDatabase, eventually, freePort, type ClonedDatabase } from '#testing';

describe('a mapper whose schema registry is away', () => {
  let clone: ClonedDatabase;
  let data: string;
  beforeEach(async () => {
    clone = await clonedDatabase();
    data = mkdtempSync(join(tmpdir(), 'crossdock-mapper-'));
  });
  afterEach(async () => {
    await clone.close();
    rmSync(data, { recursive: true, force: true });
  });

  it('waits, says so once, and stops in order when it is asked to', async () => {
    const child = spawn(process.execPath, [join(packageRoot(), 'apps/cli/bin.mjs'), 'run', 'mapper'], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        DATABASE_URL: clone.url,
        CROSSDOCK_DATA: data,
        CROSSDOCK_METRICS_PORT: '0',
        SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    const hear = (bytes: Buffer): void => void (said += bytes.toString());
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const ended = once(child, 'exit');
    const waiting = (): number => said.split('waiting for the schema registry').length - 1;
    try {
      await eventually(
        () => waiting() > 0,
        () => `a line that says it waits, not ${said}`,
        30_000,
      );
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(waiting()).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  }, 60_000);

  it('keeps nobody else from starting: the product in one process takes what is sent to it meanwhile', async () => {
    const [port, metricsPort] = [await freePort(), await freePort()];
    writeFileSync(join(data, 'crossdock.yaml'), CONFIGURATION);
    const child = spawn(process.execPath, [join(packageRoot(), 'apps/cli/bin.mjs'), 'run', 'all-in-one'], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        DATABASE_URL: clone.url,
        CROSSDOCK_HOME: data,
        CROSSDOCK_DATA: data,
        CROSSDOCK_PORT: String(port),
        CROSSDOCK_METRICS_PORT: String(metricsPort),
        SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const ended = once(child, 'exit');
    try {
      await eventually(
        () => said.includes('Crossdock is ready'),
        () => `the product ready, not ${said}`,
        45_000,
      );
      const body = JSON.stringify({ id: 'e1', type: 'customer.updated', data: { id: 'c1' } });
      const headers = { 'content-type': 'application/json', 'webhook-id': 'e1' };
      const answer = await fetch(`http://127.0.0.1:${port}/hooks/crm`, { method: 'POST', headers, body });
      expect(answer.status).toBe(202);
      expect(said).toContain('waiting for the schema registry before anything is mapped');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  }, 90_000);
});

const CONFIGURATION = `
version: 1
tenant: acme
connections:
  crm: { connector: webhook, settings: { scheme: none } }
  erp:
    connector: rest
    allowPrivate: true
    settings:
      baseUrl: http://127.0.0.1:1
      documents:
        customer: { nature: state, schema: erp/customer, write: { method: PUT, path: '/c/{key}' }, repeatIsSafe: by-external-id }
flows:
  customers: { on: crm.customer, to: erp, mapping: customer-to-erp }
`;
