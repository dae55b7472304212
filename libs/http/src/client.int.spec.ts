import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import { Worker } from 'node:worker_threads';
import { Secret } from '#contracts';
import { selfSigned } from '#testing';
import { createHttp, type HttpClient, type HttpOptions } from './client.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';

/** A server on plain sockets, so that it can count bytes and break off wherever it likes. */
class Peer {
  readonly requests: string[] = [];
  bytes = 0;
  connections = 0;
  answer: (socket: Socket, request: string) => void = (socket) => socket.write(OK);
  greet: (socket: Socket) => void = () => undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => {
    this.connections++;
    this.greet(socket);
    this.#sockets.add(socket);
    let text = '';
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      text += chunk.toString('utf8');
      const head = text.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (Buffer.byteLength(text.slice(head + 4)) < length) return;
      this.requests.push(text);
      const request = text;
      text = '';
      this.answer(socket, request);
    });
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const answer = (status: string, body: string, headers = ''): string =>
  `HTTP/1.1 ${status}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('the http client', () => {
  const peers: Peer[] = [];
  const clients: HttpClient[] = [];
  const start = async (options: Partial<HttpOptions> = {}): Promise<{ peer: Peer; http: HttpClient; url: string }> => {
    const peer = new Peer();
    peers.push(peer);
    const url = await peer.start();
    return { peer, url, http: client({ baseUrl: `${url}/api/`, ...options }) };
  };
  const client = (options: Partial<HttpOptions> & { baseUrl: string }): HttpClient => {
    const http = createHttp({ timeoutMs: 5_000, allowPrivate: true, ...options });
    clients.push(http);
    return http;
  };
  const post = { method: 'POST', path: '/orders', body: '{"a":1}' };

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((each) => each.close()));
    await Promise.all(peers.splice(0).map((each) => each.stop()));
  });

  it('sends below the base path and gives back status, headers and bytes', async () => {
    const { peer, http } = await start();
    peer.answer = (socket) => socket.write(answer('201 Created', '{"id":"ö"}', 'x-trace: 7\r\n'));
    const result = await http.request({ ...post, headers: { 'content-type': 'application/json' } });
    expect(result).toMatchObject({ kind: 'answered', status: 201, headers: { 'x-trace': '7' } });
    expect(result.kind === 'answered' && result.body.toString('utf8')).toBe('{"id":"ö"}');
    expect(peer.requests[0]).toMatch(/^POST \/api\/orders HTTP\/1\.1\r\n/);
    expect(peer.requests[0]).toMatch(/\r\n\r\n\{"a":1\}$/);
  });

  it('calls back when the connection stands and nothing is written, and sends nothing when that throws', async () => {
    const { peer, http } = await start();
    let connectionsThen = -1;
    let bytesThen = -1;
    const result = await http.request({
      ...post,
      onRequestStart() {
        connectionsThen = peer.connections;
        bytesThen = peer.bytes;
        throw new Error('too late');
      },
    });
    expect(result).toMatchObject({ kind: 'not-sent', reason: 'aborted' });
    expect(bytesThen).toBe(0);
    // The same connection serves the next request, so what arrives there is all that was ever written.
    expect(await http.request({ method: 'GET', path: '/next' })).toMatchObject({ kind: 'answered', status: 200 });
    expect(peer.requests).toHaveLength(1);
    expect(peer.requests[0]).toMatch(/^GET \/api\/next/);
    expect(peer.bytes).toBe(peer.requests[0]!.length);
    expect(connectionsThen).toBeLessThanOrEqual(1);
  });

  it('sends nothing when the signal aborts in the callback before the first byte', async () => {
    const { peer, http } = await start();
    const stop = new AbortController();
    const result = await http.request({ ...post, signal: stop.signal, onRequestStart: () => stop.abort() });
    expect(result).toMatchObject({ kind: 'not-sent', reason: 'aborted' });
    await http.request({ method: 'GET', path: '/next' });
    expect(peer.requests.map((each) => each.split(' ')[0])).toEqual(['GET']);
  });

  it('is not sent when the signal was aborted before', async () => {
    const { peer, http } = await start();
    expect(await http.request({ ...post, signal: AbortSignal.abort() })).toMatchObject({ reason: 'aborted' });
    expect(peer.connections).toBe(0);
  });

  it('is not sent when nobody listens', async () => {
    const { peer, http } = await start();
    await peer.stop();
    expect(await http.request(post)).toEqual({ kind: 'not-sent', reason: 'refused', message: 'connection refused' });
  });

  it('is not sent when the name does not exist', async () => {
    const http = client({ baseUrl: 'http://nobody.invalid' });
    expect(await http.request(post)).toMatchObject({ kind: 'not-sent', reason: 'dns' });
  });

  it('is not sent when TLS never comes about', async () => {
    const { url } = await start();
    const http = client({ baseUrl: url.replace('http:', 'https:'), connectTimeoutMs: 500 });
    expect(await http.request(post)).toMatchObject({ kind: 'not-sent', reason: 'connect-timeout' });
  });

  it('is not sent when the peer ends the TLS handshake', async () => {
    const { peer, url } = await start();
    const http = client({ baseUrl: url.replace('http:', 'https:') });
    peer.greet = (socket) => socket.end('220 mail.example ESMTP\r\n');
    const result = await http.request(post);
    expect(result).toMatchObject({ kind: 'not-sent' });
    expect(['tls', 'connect']).toContain(result.kind === 'not-sent' && result.reason);
  });

  it('is not sent when a header cannot be written', async () => {
    const { peer, http } = await start({ auth: { bearer: new Secret('two\nlines', 'test') } });
    const result = await http.request(post);
    expect(result).toMatchObject({ kind: 'not-sent', reason: 'invalid' });
    expect(JSON.stringify(result)).not.toContain('lines');
    expect(peer.connections).toBe(0);
  });

  it('is unanswered after the timeout, counted from the writing, and the peer sees it go', async () => {
    const { peer, http } = await start({ timeoutMs: 150 });
    let gone = false;
    peer.answer = (socket) => socket.on('close', () => (gone = true));
    const result = await http.request(post);
    expect(result).toMatchObject({ kind: 'unanswered', reason: 'timeout' });
    await until(() => gone);
  });

  it('does not count the time before the writing as waiting for the answer', async () => {
    const { http } = await start({ timeoutMs: 300 });
    const blocked = () => {
      const until = performance.now() + 350;
      while (performance.now() < until);
    };
    expect(await http.request({ ...post, onRequestStart: blocked })).toMatchObject({ kind: 'answered' });
  });

  it('reads an answer that came in time while this process was busy', async () => {
    const elsewhere = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const server = require('node:http').createServer((_, response) => response.end('in time'));
       server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
      { eval: true },
    );
    try {
      const [port] = (await once(elsewhere, 'message')) as [number];
      const http = client({ baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 150 });
      const busy = () => {
        const until = performance.now() + 400;
        while (performance.now() < until);
      };
      const result = await http.request({ ...post, onRequestStart: () => void setImmediate(busy) });
      expect(result).toMatchObject({ kind: 'answered', status: 200 });
    } finally {
      await elsewhere.terminate();
    }
  });

  it('takes no proxy from the environment', async () => {
    const { http } = await start();
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : 'http://127.0.0.1:9';
    try {
      expect(await http.request(post)).toMatchObject({ kind: 'answered' });
    } finally {
      for (const [index, name] of names.entries()) {
        if (before[index] === undefined) delete process.env[name];
        else process.env[name] = before[index];
      }
    }
  });

  it('is unanswered when the answer trickles beyond the timeout', async () => {
    const { peer, http } = await start({ timeoutMs: 200 });
    peer.answer = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      const drip = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(drip));
    };
    expect(await http.request(post)).toMatchObject({ kind: 'unanswered', reason: 'timeout', status: 200 });
  });

  it('is unanswered when the connection breaks after the request left', async () => {
    const { peer, http } = await start();
    peer.answer = (socket) => socket.resetAndDestroy();
    expect(await http.request(post)).toMatchObject({ kind: 'unanswered', reason: 'reset' });
    peer.answer = (socket) => socket.end();
    expect(await http.request(post)).toMatchObject({ kind: 'unanswered', reason: 'reset' });
  });

  it.each(['GET', 'PUT', 'POST'])('writes a %s whose connection broke only once', async (method) => {
    const { peer, http } = await start();
    await http.request({ method: 'GET', path: '/warm' });
    peer.answer = (socket) => socket.resetAndDestroy();
    const result = await http.request({ method, path: '/orders', body: method === 'GET' ? null : '{}' });
    expect(result.kind).toBe('unanswered');
    await http.request({ method: 'GET', path: '/last' });
    expect(peer.requests.filter((each) => each.includes('/orders'))).toHaveLength(1);
  });

  it('is unanswered when the answer is cut, and says which status had come', async () => {
    const { peer, http } = await start();
    peer.answer = (socket) => socket.end('HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":');
    expect(await http.request(post)).toMatchObject({ kind: 'unanswered', reason: 'truncated', status: 201 });
  });

  it('is unanswered when the answer is larger than allowed', async () => {
    const { peer, http } = await start({ maxAnswerBytes: 1_000 });
    peer.answer = (socket) => socket.write(answer('200 OK', 'x'.repeat(1_001)));
    expect(await http.request(post)).toMatchObject({ kind: 'unanswered', reason: 'too-large', status: 200 });
    peer.answer = (socket) => socket.write(answer('200 OK', 'x'.repeat(1_000)));
    expect(await http.request(post)).toMatchObject({ kind: 'answered' });
  });

  it('is unanswered when the answer is not HTTP', async () => {
    const { peer, http } = await start();
    peer.answer = (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n\r\n');
    expect(await http.request(post)).toMatchObject({ kind: 'unanswered', reason: 'protocol' });
  });

  it('gives up at once when the signal aborts while waiting', async () => {
    const { peer, http } = await start();
    const stop = new AbortController();
    peer.answer = () => stop.abort();
    const result = await http.request({ ...post, signal: stop.signal });
    expect(result).toMatchObject({ kind: 'unanswered', reason: 'aborted' });
    expect(result.kind === 'unanswered' && result.durationMs).toBeLessThan(2_000);
  });

  it('gives up what is in flight when it is closed', async () => {
    const { peer, http } = await start();
    const pending = http.request(post);
    await until(() => peer.requests.length === 1);
    await http.close();
    expect(await pending).toMatchObject({ kind: 'unanswered' });
    expect(await http.request(post)).toMatchObject({ kind: 'not-sent', reason: 'closed' });
  });

  it('does not follow redirects, least of all with our credentials to another host, and ignores interim answers', async () => {
    const { peer, http } = await start({ auth: { bearer: new Secret('t0ken', 'test') } });
    const other = await start();
    const location = `location: ${other.url}/else\r\n`;
    for (const status of ['301 Moved', '302 Found', '307 Temporary', '308 Permanent']) {
      peer.answer = (socket) =>
        socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${answer(status, '', location)}`);
      const result = {
        kind: 'answered',
        status: Number(status.slice(0, 3)),
        headers: { location: `${other.url}/else` },
      };
      expect(await http.request(post)).toMatchObject(result);
    }
    expect(peer.requests).toHaveLength(4);
    expect(other.peer.connections).toBe(0);
  });

  describe('over TLS', () => {
    const DAY = 86_400_000;
    const real = tls.createSecureContext;
    /** A peer with such a certificate, which the client takes for an authority if it is trusted; bytes are those that came decrypted. */
    const secure = async (certificate: { name?: string; days?: number; trusted?: boolean }) => {
      const { name = 'localhost', days = 1, trusted = true } = certificate;
      const [from, until] = [new Date(Date.now() - 9 * DAY), new Date(Date.now() + days * DAY)];
      const { key, cert } = selfSigned({ name, from, until });
      const seen = { connections: 0, bytes: 0 };
      const server = tls.createServer({ key, cert }, (socket) => {
        socket
          .on('error', () => undefined)
          .on('data', (chunk: Buffer) => {
            seen.bytes += chunk.length;
            socket.end(OK);
          });
      });
      server.on('connection', () => seen.connections++).on('tlsClientError', () => undefined);
      server.listen(0, 'localhost');
      await once(server, 'listening');
      servers.push(server);
      // as NODE_EXTRA_CA_CERTS does for a whole process
      if (trusted)
        jest.spyOn(tls, 'createSecureContext').mockImplementation((options) => real({ ca: cert, ...options }));
      const baseUrl = `https://localhost:${(server.address() as AddressInfo).port}`;
      const http = client({ baseUrl, auth: { bearer: new Secret('t0ken', 'test') } });
      return { http, seen };
    };
    const servers: tls.Server[] = [];
    afterEach(async () => {
      jest.restoreAllMocks();
      for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    });

    it('sends to a peer whose certificate is in order', async () => {
      const { http, seen } = await secure({});
      expect(await http.request(post)).toMatchObject({ kind: 'answered', status: 200 });
      expect(seen.bytes).toBeGreaterThan(0);
    });

    it.each([
      ['nobody vouches for', { trusted: false }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
      ['has expired', { days: -1 }, 'CERT_HAS_EXPIRED'],
      ['is for another host', { name: 'other.example' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ])(
      'has sent nothing for sure, credentials included, to a peer whose certificate %s',
      async (_, certificate, code) => {
        const { http, seen } = await secure(certificate);
        let started = 0;
        const result = await http.request({ ...post, onRequestStart: () => void started++ });
        expect(result).toEqual({ kind: 'not-sent', reason: 'tls', message: `TLS failed (${code})` });
        expect(started).toBe(0);
        expect(seen).toEqual({ connections: 1, bytes: 0 });
      },
    );
  });

  it('has one request at a time on each connection', async () => {
    const { peer, http } = await start();
    const waiting: Socket[] = [];
    peer.answer = (socket) => waiting.push(socket);
    const all = [1, 2, 3, 4].map((n) => http.request({ method: 'GET', path: `/${n}` }));
    await until(() => waiting.length === 4);
    expect(peer.connections).toBe(4);
    expect(new Set(waiting).size).toBe(4);
    for (const socket of waiting) socket.write(OK);
    expect((await Promise.all(all)).map(({ kind }) => kind)).toEqual(Array(4).fill('answered'));
  });

  describe('unless private addresses are allowed', () => {
    it.each(['http://127.0.0.1:9', 'http://[::1]:9', 'http://[::ffff:127.0.0.1]:9', 'http://0x7f000001:9'])(
      'refuses %s',
      async (baseUrl) => {
        const http = client({ baseUrl, allowPrivate: false });
        expect(await http.request(post)).toMatchObject({ kind: 'not-sent', reason: 'private-address' });
      },
    );

    it('refuses a name that stands for a loopback address', async () => {
      const { peer, url } = await start();
      const http = client({ baseUrl: url.replace('127.0.0.1', 'localhost'), allowPrivate: false });
      expect(await http.request(post)).toMatchObject({ kind: 'not-sent', reason: 'private-address' });
      expect(peer.connections).toBe(0);
    });
  });

  describe('with OAuth2 client credentials', () => {
    const oauth = async (expiresIn = 3600) => {
      const endpoint = new Peer();
      peers.push(endpoint);
      const tokenUrl = `${await endpoint.start()}/token?x=1`;
      let issued = 0;
      endpoint.answer = (socket) =>
        socket.write(answer('200 OK', JSON.stringify({ access_token: `token-${++issued}`, expires_in: expiresIn })));
      const target = await start({
        auth: {
          oauth2: { tokenUrl, clientId: 'us', clientSecret: new Secret('s3cret', 'test'), credentials: 'basic' },
        },
      });
      return { endpoint, ...target };
    };

    it('asks for one token and shares it', async () => {
      const { endpoint, peer, http } = await oauth();
      await Promise.all([1, 2, 3].map(() => http.request(post)));
      await http.request(post);
      expect(endpoint.requests).toHaveLength(1);
      expect(endpoint.requests[0]).toMatch(/^POST \/token\?x=1 /);
      expect(endpoint.requests[0]).toContain(`Basic ${Buffer.from('us:s3cret').toString('base64')}`);
      expect(peer.requests.every((each) => each.includes('authorization: Bearer token-1'))).toBe(true);
    });

    it('renews a token that the target refuses, once', async () => {
      const { endpoint, peer, http } = await oauth();
      let started = 0;
      peer.answer = (socket, request) =>
        socket.write(request.includes('token-2') ? OK : answer('401 Unauthorized', '{}'));
      const request = { ...post, onRequestStart: () => void started++ };
      expect(await http.request(request)).toMatchObject({ kind: 'answered', status: 200 });
      expect([endpoint.requests.length, peer.requests.length, started]).toEqual([2, 2, 2]);
      peer.answer = (socket) => socket.write(answer('401 Unauthorized', '{}'));
      expect(await http.request(post)).toMatchObject({ kind: 'answered', status: 401 });
      expect(peer.requests).toHaveLength(4);
    });

    it('says that nothing was sent when the endpoint refuses us, and quotes no secret', async () => {
      const { endpoint, peer, http } = await oauth();
      endpoint.answer = (socket) => socket.write(answer('401 Unauthorized', '{"error":"invalid_client s3cret"}'));
      const result = await http.request(post);
      expect(result).toMatchObject({ kind: 'not-sent', reason: 'credentials' });
      expect(JSON.stringify(result)).not.toContain('s3cret');
      endpoint.answer = (socket) => socket.write(answer('503 Busy', ''));
      expect(await http.request(post)).toMatchObject({ kind: 'not-sent', reason: 'token' });
      expect(peer.requests).toHaveLength(0);
    });
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
