import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRuntime, readEnvironment, type RunningApp } from '#platform';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { start } from '../src/main.ts';

export interface Answer {
  status: number;
  type: string;
  // the shape is what each test is about
  body: Json;
}
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface RunningConsole {
  cloned: ClonedDatabase;
  app: RunningApp;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  get(path: string): Promise<Answer>;
  metrics(): Promise<string>;
  close(): Promise<void>;
}

/** The real ConsoleModule on ports of its own, on the example configuration and a database of its own. */
export async function runningConsole(variables: Record<string, string> = {}): Promise<RunningConsole> {
  const cloned = await clonedDatabase();
  const data = mkdtempSync(join(tmpdir(), 'crossdock-console-'));
  const runtime = openRuntime(
    readEnvironment({
      DATABASE_URL: cloned.url,
      CROSSDOCK_DATA: data,
      CROSSDOCK_PORT: '0',
      CROSSDOCK_METRICS_PORT: '0',
      ...variables,
    }),
  );
  const app = await start(runtime);
  const token = variables['CROSSDOCK_API_TOKEN'];
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(app.url + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      body: text === '' ? null : (JSON.parse(text) as Json),
    };
  };
  return {
    cloned,
    app,
    call,
    get: (path) => call('GET', path),
    metrics: async () => (await fetch(`${app.metricsUrl}/metrics`)).text(),
    close: async () => {
      await app.close();
      await cloned.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
