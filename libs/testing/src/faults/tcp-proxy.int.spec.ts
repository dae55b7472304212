import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});

/** A server that keeps what it hears and says it back, behind a proxy. */
async function echoing(): Promise<{ proxy: TcpProxy; heard(): string; dial(): Caller }> {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        heard.push(bytes);
        socket.write(bytes);
      });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const proxy = await TcpProxy.open({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  cleanUp.push(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { proxy, heard: () => Buffer.concat(heard).toString(), dial: () => new Caller(proxy.port) };
}

class Caller {
  readonly socket: Socket;
  readonly over: Promise<string>;
  got = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => (this.got += bytes.toString()));
    this.over = new Promise((resolve) => {
      this.socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      this.socket.once('close', () => resolve('closed'));
    });
  }

  async hears(text: string): Promise<void> {
    while (!this.got.includes(text)) await once(this.socket, 'data');
  }
}

describe('the TCP proxy', () => {
  it('passes both ways and ends as the two ends do', async () => {
    const { heard, dial } = await echoing();
    const caller = dial();
    caller.socket.end('hello');
    await caller.hears('hello');
    expect(heard()).toBe('hello');
    expect(await caller.over).toBe('closed');
  });

  it('passes much more than buffers hold, byte for byte', async () => {
    const { dial } = await echoing();
    const caller = dial();
    const much = Buffer.alloc(3_000_000, 'abcdefg');
    caller.socket.write(much);
    while (caller.got.length < much.length) await once(caller.socket, 'data');
    expect(caller.got === much.toString()).toBe(true);
    caller.socket.destroy();
  });

  it('delays one direction and keeps its order', async () => {
    const { proxy, heard, dial } = await echoing();
    proxy.toClient = { latencyMs: 80 };
    const caller = dial();
    const started = performance.now();
    for (const piece of ['1', '2', '3']) caller.socket.write(piece);
    await caller.hears('123');
    expect(heard()).toBe('123');
    expect(performance.now() - started).toBeGreaterThanOrEqual(75);
    caller.socket.destroy();
  });

  it('swallows answers while requests arrive, and passes again when healed', async () => {
    const { proxy, heard, dial } = await echoing();
    const caller = dial();
    caller.socket.write('a');
    await caller.hears('a');
    proxy.toClient = { swallow: true };
    caller.socket.write('b');
    while (!heard().includes('b')) await new Promise(setImmediate);
    proxy.reset();
    expect(await caller.over).toBe('ECONNRESET');
    expect(caller.got).toBe('a');
    proxy.heal();
    const next = dial();
    next.socket.write('c');
    await next.hears('c');
    next.socket.destroy();
  });

  it.each(['toServer', 'toClient'] as const)('cuts after exactly so many bytes %s', async (direction) => {
    const { proxy, heard, dial } = await echoing();
    proxy[direction] = { cutAfterBytes: 7 };
    const caller = dial();
    caller.socket.write('0123456789');
    expect(await caller.over).toBe('ECONNRESET');
    if (direction === 'toServer') while (heard().length < 7) await new Promise(setImmediate);
    if (direction === 'toServer') expect(heard()).toBe('0123456');
    else expect([heard(), caller.got]).toEqual(['0123456789', '0123456']);
  });

  it('loses the host: what is open stays open and hears nothing more, what is opened later works', async () => {
    const { proxy, dial } = await echoing();
    const before = dial();
    before.socket.write('a');
    await before.hears('a');
    proxy.lose();
    before.socket.write('b');
    const after = dial();
    after.socket.write('c');
    await after.hears('c');
    expect([before.got, before.socket.destroyed]).toEqual(['a', false]);
  });

  it('refuses while it is down, and lets open connections be', async () => {
    const { proxy, dial } = await echoing();
    const before = dial();
    before.socket.write('x');
    await before.hears('x');
    proxy.down = true;
    expect(await dial().over).toMatch(/ECONNRESET|closed/);
    before.socket.write('y');
    await before.hears('xy');
    proxy.heal();
    const after = dial();
    after.socket.write('z');
    await after.hears('z');
    expect(proxy.accepted).toBe(3);
    before.socket.destroy();
    after.socket.destroy();
  });

  it('loses one request before the server sees its end, though its bytes come in two pieces', async () => {
    const { proxy, heard, dial } = await echoing();
    proxy.next = { sees: Buffer.from('commit'), lose: 'request' };
    const caller = dial();
    caller.socket.write('begin com');
    await caller.hears('begin com');
    caller.socket.write('mit');
    expect(await caller.over).toBe('ECONNRESET');
    expect(heard()).toBe('begin com');
    expect(proxy.next).toBeUndefined();
  });

  it('loses the answer to one request, and closes the way for good when told so', async () => {
    const { proxy, heard, dial } = await echoing();
    proxy.next = { sees: Buffer.from('commit'), lose: 'answer', away: true };
    const [bystander, caller] = [dial(), dial()];
    bystander.socket.write('other');
    await bystander.hears('other');
    caller.socket.write('commit');
    expect(await Promise.all([caller.over, bystander.over])).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(heard()).toBe('othercommit');
    expect(caller.got).toBe('');
    expect(proxy.down).toBe(true);
  });
});
