import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '#db';
import { configureLogging, Metrics, parseConfiguration } from '#platform';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import type { Answer } from './answer.ts';
import { Receive } from './receive.ts';
import { openSources } from './sources.ts';
import { Store } from './store.ts';
import { CRM_SECRET, sign } from './testing/capture-app.ts';

const CONFIGURATION = `
version: 1
tenant: acme
connections:
  acme-crm:
    connector: webhook
    settings: { scheme: standard-webhooks, secrets: [{ env: CRM }] }
`;

let clone: ClonedDatabase;
let closed: Database;
beforeAll(async () => {
  configureLogging({ logLevel: 'silent' });
  clone = await clonedDatabase();
  closed = await Database.open({ url: clone.url, name: 'closed', max: 1 });
  await closed.close();
});
afterAll(() => clone?.close());

function receiveOn(database: Database): Receive {
  const configuration = parseConfiguration('crossdock.yaml', CONFIGURATION, {
    home: '/',
    data: '/',
    variable: () => CRM_SECRET,
  });
  return new Receive(openSources(configuration, '127.0.0.1'), new Store(database, 'acme', () => {}), new Metrics());
}
const ask = (receive: Receive, name: string, body: string, headers = {}, secret = CRM_SECRET): Promise<Answer> =>
  receive.receive(name, {
    path: `/hooks/${name}`,
    body: Buffer.from(body),
    headers: { 'content-type': 'application/json', ...sign('event', new Date(), body, secret), ...headers },
  });
const WRONG = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

describe('receiving a request', () => {
  it('touches no database before the sender is proved and the body is split', async () => {
    const receive = receiveOn(closed);
    expect((await ask(receive, 'acme-crm', 'x'.repeat(2 * 1024 * 1024))).status).toBe(413);
    expect((await ask(receive, 'nobody', '{}')).status).toBe(404);
    expect((await ask(receive, 'acme-crm', '{}', {}, WRONG)).status).toBe(401);
    expect((await ask(receive, 'acme-crm', '{}', { 'content-type': 'text/csv' })).status).toBe(415);
    expect((await ask(receive, 'acme-crm', '{"a":1,"a":2}')).status).toBe(400);
    expect((await ask(receive, 'acme-crm', '{"type":"customer.updated"}')).status).toBe(400);
    await expect(ask(receive, 'acme-crm', '{"type":"customer.updated","data":{"id":1}}')).rejects.toThrow();
  });

  it('takes as long to refuse an unknown connection as a wrong signature', async () => {
    const receive = receiveOn(clone.database);
    const body = JSON.stringify({ type: 'customer.updated', data: { id: '1', note: 'x'.repeat(900_000) } });
    const fastest = { nobody: Infinity, 'acme-crm': Infinity };
    const headers = sign('event', new Date(), body, WRONG);
    for (let round = 0; round < 60; round++)
      for (const name of ['nobody', 'acme-crm'] as const) {
        const started = performance.now();
        const { status } = await ask(receive, name, body, headers);
        expect(status).toBe(name === 'nobody' ? 404 : 401);
        fastest[name] = Math.min(fastest[name], performance.now() - started);
      }
    const ratio = fastest.nobody / fastest['acme-crm'];
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });
});
