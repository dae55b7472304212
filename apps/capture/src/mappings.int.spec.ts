import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { loadSchemas, unframe } from '#schema';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { captureApp, eventually, type CaptureApp } from './testing/capture-app.ts';

const CONFIGURATION = `
version: 1
tenant: acme
connections:
  acme-crm:
    connector: webhook
    idPrefix: "crm-"
    settings:
      scheme: standard-webhooks
      secrets: [{ env: CRM }]
      record: { id: /AccountNo, version: /Modified }
      normalise: { customer: account-to-customer }
`;
const FILES = {
  'schemas/sources/acme/account.json': JSON.stringify({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      AccountNo: { type: 'integer' },
      Modified: { type: 'integer' },
      Title: { type: 'string' },
      Kind: { type: 'string', enum: ['B', 'C'] },
      Numbers: {
        type: 'array',
        items: { type: 'object', properties: { Of: { type: 'string' }, Text: { type: 'string' } } },
      },
    },
    required: ['AccountNo', 'Title', 'Kind'],
  }),
  'schemas/mappings/account-to-customer.yaml': `
from: sources/acme/account
to: canonical/customer
fields:
  id: { template: "account {AccountNo}" }
  name: { from: Title, then: [trim], missing: reject }
  kind: { from: Kind, map: { B: COMPANY, C: PERSON } }
  status: { const: ACTIVE }
  taxIds:
    each: Numbers
    filter: { Of: present }
    fields: { scheme: { from: Of, missing: reject }, value: { from: Text, missing: reject } }
`,
};

let clone: ClonedDatabase;
let app: CaptureApp;
beforeAll(async () => {
  clone = await clonedDatabase();
  app = await captureApp(clone.url, CONFIGURATION, FILES);
});
afterAll(async () => {
  await app?.close();
  await clone?.close();
});

async function became(
  data: string,
): Promise<{ status: string; code: string | null; reason: string | null; payload: Buffer | null }> {
  const { body, status } = await app.send(`{"type":"customer.updated","data":${data}}`);
  expect(status).toBe(202);
  return eventually(
    async () => {
      const [row] = await clone.database.query<{ status: string; code: string; reason: string; payload: Buffer }>(
        `select status, code, reason, payload from captured left join outbox on outbox.id = outbox_id where receipt_id = $1`,
        [body.receiptId],
      );
      return row!;
    },
    (row) => row.status !== 'waiting',
  );
}

describe('a source with a shape of its own', () => {
  it('becomes canonical by its mapping; its id is where the settings say', async () => {
    const row = await became('{"AccountNo":9007199254740993,"Modified":5,"Title":" Acme ","Kind":"B"}');
    expect(row).toMatchObject({ status: 'published', reason: null });
    const customer = loadSchemas({ roots: [join(packageRoot(), 'schemas')] }).canonical('customer')!;
    expect(customer.decode(unframe(row.payload!).body)).toMatchObject({
      id: 'crm-9007199254740993',
      name: 'Acme',
      kind: 'COMPANY',
    });
  });

  it('is rejected with the reason when the mapping cannot make it', async () => {
    expect(await became('{"AccountNo":2,"Title":"Acme","Kind":"Z"}')).toMatchObject({
      status: 'rejected',
      code: 'CROSSDOCK_CAPTURE_SCHEMA',
      reason: expect.stringMatching(/kind/i),
    });
  });

  it('is rejected as what it is when a list in it holds null: no fault of ours', async () => {
    expect(await became('{"AccountNo":3,"Title":"Acme","Kind":"B","Numbers":[{},null]}')).toMatchObject({
      status: 'rejected',
      code: 'CROSSDOCK_CAPTURE_SCHEMA',
      reason: 'taxIds[1]: an item of Numbers is not an object',
    });
  });

  it('that names a mapping which is not there does not start, and the message says where', async () => {
    const wrong = CONFIGURATION.replace('account-to-customer', 'acount-to-customer');
    await expect(captureApp(clone.url, wrong, FILES)).rejects.toThrow(
      /crossdock\.yaml:12:.*there is no mapping acount-to-customer/,
    );
  });
});
