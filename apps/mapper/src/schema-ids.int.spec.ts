import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CrossdockError } from '#contracts';
import { packageRoot } from '#platform';
import { confluentRegistry, fileRegistry, loadSchemas, registryApi } from '#schema';
import { schemaIds } from './schema-ids.ts';

const schemas = loadSchemas({ roots: [join(packageRoot(), 'schemas')] });
const files = fileRegistry(schemas);
const NAMES = ['erp/sales-order', 'erp/customer', 'erp/sales-order'];
const topics = new Map(NAMES.map((name) => [name.replace('/', '.'), name]));
/** Below the range that a system draws outgoing ports from, so that nothing else answers there. */
const PORT = 19_873;
const registry = (port: number) => confluentRegistry(`http://127.0.0.1:${port}`, schemas, { topics });
const quiet = { onRefusal: () => {}, signal: new AbortController().signal };
type Answer = (method: string, path: string, body: unknown) => Promise<{ status: number; body: unknown }>;

describe('asking for the ids of schemas at start', () => {
  let server: Server | undefined;
  afterEach(async () => {
    const ending = server;
    server = undefined;
    if (ending) await new Promise((closed) => (ending.close(closed), ending.closeAllConnections()));
  });
  const serve = async (port: number, answer: Answer): Promise<number> => {
    server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const { status, body } = await answer(
          request.method!,
          request.url!,
          JSON.parse(Buffer.concat(chunks).toString()),
        );
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      })();
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  it('waits for a registry that is away, says so once, and goes on when it is there', async () => {
    const said: string[] = [];
    let tries = 0;
    const away = registry(PORT);
    const counting = { idOf: (name: string) => (tries++, away.idOf(name)) };
    const asking = schemaIds(NAMES, counting, { ...quiet, onWait: ({ code }) => said.push(code), pauseMs: 20 });
    while (tries < 5) await new Promise(setImmediate);
    await serve(PORT, registryApi(schemas, files, topics));
    expect([...(await asking)]).toEqual([
      ['erp/sales-order', files.idOfNow('erp/sales-order')],
      ['erp/customer', files.idOfNow('erp/customer')],
    ]);
    expect(said).toEqual(['CROSSDOCK_SCHEMA_REGISTRY']);
  });

  it('asks a registry that was away and then refuses a schema again, says so once, and stops when it is told to', async () => {
    const refused: unknown[] = [];
    const stopping = new AbortController();
    let tries = 0;
    const registryThatRefuses = {
      idOf: async (): Promise<number> => {
        const retryable = tries++ === 0;
        throw new CrossdockError('CROSSDOCK_SCHEMA_REGISTRY', 'away, then against it', { retryable });
      },
    };
    const asking = schemaIds(NAMES, registryThatRefuses, {
      onWait: () => {},
      onRefusal: (error) => refused.push(error),
      signal: stopping.signal,
      pauseMs: 1,
    });
    const ended = expect(asking).rejects.toThrow('aborted');
    while (tries < 5) await new Promise(setImmediate);
    stopping.abort();
    await ended;
    expect(refused).toHaveLength(1);
  });

  it('does not wait where the registry refuses a schema', async () => {
    const port = await serve(0, async (_method, path) => ({
      status: path.endsWith('/versions') ? 422 : 404,
      body: { error_code: path.endsWith('/versions') ? 42201 : 40401 },
    }));
    const never = (): never => {
      throw new Error('it waited');
    };
    await expect(schemaIds(NAMES, registry(port), { ...quiet, onWait: never })).rejects.toMatchObject({
      message: expect.stringContaining('it does not take this for a schema (422, 42201)'),
      retryable: false,
    });
  });
});
