import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { admit, headersOf, holdPlace, type AdmissionOptions } from './admission.ts';
import { eventually } from './testing/capture-app.ts';

let server: FastifyInstance;
let sockets: Socket[] = [];
/** work that goes on after its answer */
let left: Promise<unknown> = Promise.resolve();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await server.close();
});

async function listen(options: AdmissionOptions): Promise<string> {
  server = new FastifyAdapter().getInstance() as unknown as FastifyInstance;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  admit(server, options);
  server.post('/hooks/:connection', async (request) => ({ type: headersOf(request)['content-type'] ?? 'none' }));
  server.post('/hooks/:connection/leaves', async (request) => {
    holdPlace(request, left);
    return {};
  });
  server.post('/api/v1/other', async () => ({ type: 'other' }));
  await server.listen({ port: 0, host: '127.0.0.1' });
  return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
}

/** Says that 100 bytes will come, sends one, and waits. */
function stall(url: string, length = 'content-length: 100'): Promise<'closed'> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket);
  socket.write(`POST /hooks/a HTTP/1.1\r\nhost: x\r\n${length}\r\ncontent-type: application/json\r\n\r\n`);
  if (length === 'content-length: 100') socket.write('{');
  return new Promise((resolve) => socket.on('error', () => {}).on('close', () => resolve('closed')));
}
const post = (url: string, path = '/hooks/a') =>
  fetch(url + path, { method: 'POST', body: '{}', headers: { 'content-type': 'a/b' } });

describe('admission', () => {
  it('tells what is too much to come back, and takes it when there is room again; others are not touched', async () => {
    const url = await listen({ most: 5 });
    for (let count = 0; count < 5; count++) void stall(url);
    const refused = await eventually(
      () => post(url),
      ({ status }) => status === 429,
    );
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ status: 429, code: 'CROSSDOCK_CAPTURE_OVERLOAD' });
    expect((await post(url, '/api/v1/other')).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await eventually(
      () => post(url),
      ({ status }) => status === 200,
    );
  });

  it('sends large requests away before it reads them when those in hand are as much as memory should hold', async () => {
    const shed: string[] = [];
    const url = await listen({ mostBytes: 150, shed: (reason) => shed.push(reason) });
    const large = { method: 'POST', body: 'x'.repeat(100), headers: { 'content-type': 'a/b' } };
    expect((await fetch(`${url}/hooks/a`, large)).status).toBe(200);
    void stall(url);
    const refused = await eventually(
      () => fetch(`${url}/hooks/a`, large),
      ({ status }) => status === 503,
    );
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'CROSSDOCK_CAPTURE_OVERLOAD' });
    expect(shed.at(-1)).toBe('bytes');
    expect((await post(url)).status).toBe(200); // there is room for a small one
    for (const socket of sockets) socket.destroy();
    const alone = { ...large, body: 'x'.repeat(1000) };
    await eventually(
      () => fetch(`${url}/hooks/a`, alone), // larger than all there is: taken when nobody else is there
      ({ status }) => status === 200,
    );
  });

  it('counts a body without a length, or one that inflates, as what it may become', async () => {
    const url = await listen({ mostBytes: 1024 * 1024 + 1 });
    void stall(url, 'content-encoding: gzip\r\ncontent-length: 1');
    await eventually(
      () => post(url),
      ({ status }) => status === 503,
    );
    for (const socket of sockets) socket.destroy();
    await eventually(
      () => post(url),
      ({ status }) => status === 200,
    );
    void stall(url, 'transfer-encoding: chunked');
    await eventually(
      () => post(url),
      ({ status }) => status === 503,
    );
  });

  it('keeps the place of a request that was answered while its work still waits', async () => {
    const url = await listen({ most: 1 });
    let done = (): void => {};
    left = new Promise<void>((resolve) => (done = resolve));
    expect((await post(url, '/hooks/a/leaves')).status).toBe(200);
    for (let count = 0; count < 5; count++) expect((await post(url)).status).toBe(429);
    done();
    await eventually(
      () => post(url),
      ({ status }) => status === 200,
    );
  });

  it('takes nothing while too much waits already', async () => {
    let full = true;
    const url = await listen({ backlogged: () => full });
    const refused = await post(url);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await refused.json()).toMatchObject({ code: 'CROSSDOCK_CAPTURE_BACKLOG' });
    full = false;
    expect((await post(url)).status).toBe(200);
  });

  it('holds for a door that is asked for with an escaped path too', async () => {
    const url = await listen({});
    const large = await fetch(`${url}/%68ooks/a`, { method: 'POST', body: new Uint8Array(1024 * 1024 + 1) });
    expect({ status: large.status, body: await large.json() }).toMatchObject({
      status: 413,
      body: { code: 'CROSSDOCK_CAPTURE_TOO_LARGE' },
    });
  });

  it('lets go of a sender who is too slow', async () => {
    const url = await listen({ bodyDeadline: 50 });
    expect(await stall(url)).toBe('closed');
    expect((await post(url)).status).toBe(200);
  });

  it('hands on the content type as it was sent, odd or missing', async () => {
    const url = await listen({});
    for (const type of ['a/b', 'nonsense', 'application/json; charset=utf-8'])
      expect(
        await (await fetch(`${url}/hooks/a`, { method: 'POST', body: '{}', headers: { 'content-type': type } })).json(),
      ).toEqual({ type });
    const untyped = await fetch(`${url}/hooks/a`, { method: 'POST', body: new Uint8Array([0x7b, 0x7d]) });
    expect(await untyped.json()).toEqual({ type: 'none' });
  });
});
