import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Database } from '#db';
import { openRuntime, readEnvironment } from '#platform';
import { start } from '../main.ts';

export const CRM_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const OLD_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
export const EVENTS_SECRET = 'a secret of the events connection';

const CONFIGURATION = `
version: 1
tenant: acme
connections:
  acme-crm:
    connector: webhook
    zone: Europe/Berlin
    idPrefix: "crm-"
    settings: { scheme: standard-webhooks, secrets: [{ env: CRM }, { env: OLD }] }
  acme-events:
    connector: webhook
    idPrefix: "ev-"
    settings: { scheme: cloudevents, secrets: [{ env: EVENTS }], hmac: { header: x-events-signature } }
  acme-open:
    connector: webhook
    idPrefix: "open-"
    settings: { scheme: none }
  service:
    connector: outbox
    idPrefix: "service-"
`;

/** The answer of one request, parsed. */
export interface Answered {
  status: number;
  headers: Headers;
  type: string;
  body: {
    receiptId: string;
    code: string;
    detail: string;
    items: { receiptId: string; eventId: string; result: string; code?: string }[];
  };
}

export interface CaptureApp {
  url: string;
  metricsUrl: string;
  /** posts bytes as they are */
  post(connection: string, body: string | Buffer, headers?: Record<string, string>): Promise<Answered>;
  /** posts to acme-crm, signed as Standard Webhooks asks */
  send(
    body: unknown,
    options?: { id?: string; at?: Date; secret?: string; headers?: Record<string, string> },
  ): Promise<Answered>;
  close(): Promise<void>;
}

/** Capture as it runs alone, with a configuration of four sources, on a database that a test brings. */
export async function captureApp(
  databaseUrl: string,
  configuration = CONFIGURATION,
  files: Readonly<Record<string, string>> = {},
): Promise<CaptureApp> {
  const home = mkdtempSync(join(tmpdir(), 'crossdock-capture-'));
  writeFileSync(join(home, 'crossdock.yaml'), configuration);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text);
  }
  const environment = readEnvironment({
    CROSSDOCK_HOME: home,
    CROSSDOCK_DATA: home,
    CROSSDOCK_PORT: String(await freePort()),
    CROSSDOCK_METRICS_PORT: String(await freePort()),
    CROSSDOCK_LOG_LEVEL: 'silent',
    DATABASE_URL: databaseUrl,
    CRM: CRM_SECRET,
    OLD: OLD_SECRET,
    EVENTS: EVENTS_SECRET,
  });
  const app = await start(openRuntime(environment));
  const post: CaptureApp['post'] = async (connection, body, headers = {}) => {
    const answer = await fetch(`${app.url}/hooks/${connection}`, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers,
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      type: answer.headers.get('content-type') ?? '',
      body: text === '' ? {} : JSON.parse(text),
    } as Answered;
  };
  return {
    url: app.url!,
    metricsUrl: app.metricsUrl,
    post,
    send: (
      body,
      { id = `msg_${randomBytes(9).toString('hex')}`, at = new Date(), secret = CRM_SECRET, headers = {} } = {},
    ) => {
      const bytes = typeof body === 'string' ? body : JSON.stringify(body);
      return post('acme-crm', bytes, {
        'content-type': 'application/json',
        ...sign(id, at, bytes, secret),
        ...headers,
      });
    },
    close: async () => {
      await app.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export function sign(id: string, at: Date, body: string | Buffer, secret = CRM_SECRET): Record<string, string> {
  const timestamp = Math.floor(at.getTime() / 1000);
  const hash = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'));
  const signature = hash.update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` };
}

/** What stands in the tables that a request may reach. */
export async function counts(database: Database): Promise<Record<string, number>> {
  const [row] = await database.query<Record<string, number>>(`
    select (select count(*) from captured)::int as captured, (select count(*) from captured_key)::int as keys,
      (select count(*) from captured_payload)::int as payloads, (select count(*) from captured_conflict)::int as conflicts,
      (select count(*) from aggregate_version)::int as records, (select count(*) from outbox)::int as outbox`);
  return row!;
}

/** Asks until it holds; throws what it last saw when it does not within a minute. */
export async function eventually<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const end = performance.now() + 60_000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > end)
      throw new Error(`did not come true; last seen: ${String(JSON.stringify(seen, replaceBig))}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const replaceBig = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

async function freePort(): Promise<number> {
  for (;;) {
    const port = 21_000 + Math.floor(Math.random() * 9_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
