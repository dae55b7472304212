import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { admit, headersOf, type AdmissionOptions } from './admission.ts';
import { eventually } from './testing/capture-app.ts';

let server: FastifyInstance;
let sockets: Socket[] = [];
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
  server.post('/api/v1/other', async () => ({ type: 'other' }));
  await server.listen({ port: 0, host: '127.0.0.1' });
  return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
}

/** Says that 100 bytes will come, sends one, and waits. */
function stall(url: string): Promise<'closed'> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket);
  socket.write('POST /hooks/a HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\ncontent-type: application/json\r\n\r\n{');
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
