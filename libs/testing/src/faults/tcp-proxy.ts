import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Wire, type Direction, type Weather } from './wire.ts';

/**
 * The next request with these bytes in it is lost once: `request` resets before the server sees its end, `answer` lets the
 * server have it and resets when the answer comes; `away`: the way is closed from then on. Both look the same to the client.
 */
export interface Loss {
  /** only on a connection that has carried these since the loss was ordered: others may say `sees`, too */
  after?: Buffer;
  sees: Buffer;
  lose: 'request' | 'answer';
  /** of `answer`: what it has in it; default: whatever comes next, which may belong to what was asked before */
  answer?: Buffer;
  away?: boolean;
}

const SILENT: Weather = { swallow: true };

/**
 * A TCP way to 127.0.0.1 that can be disturbed while it is used; without orders it passes everything on. One per hop:
 * PostgreSQL, a broker, an ERP, a registry. `toServer` and `toClient` are the weather of the two directions.
 */
export class TcpProxy {
  toServer: Weather = {};
  toClient: Weather = {};
  /** new connections are reset at once; open ones go on until `reset()` */
  down = false;
  next: Loss | undefined;
  /** connections accepted so far, those that were reset included */
  accepted = 0;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #losing = new Set<() => void>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async open(target: { host: string; port: number }): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    await listen(server);
    const proxy = new TcpProxy(server);
    server.on('connection', (client) => proxy.#join(client, target));
    return proxy;
  }

  /** A proxy to the host and port of a URL, and that URL through it. */
  static async before(url: string): Promise<{ proxy: TcpProxy; url: string }> {
    const through = new URL(url);
    const standard = { 'http:': 80, 'postgres:': 5432 }[through.protocol] ?? 0;
    const proxy = await TcpProxy.open({ host: through.hostname, port: Number(through.port) || standard });
    through.hostname = '127.0.0.1';
    through.port = String(proxy.port);
    return { proxy, url: through.href };
  }

  /** Resets every open connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** As if the server's host were lost without a word: what is open stays open and silent to the client, what is opened later works. */
  lose(): void {
    for (const lose of this.#losing) lose();
  }

  /** Fair weather again. What was swallowed stays lost; connections that hang stay open until `reset()`. */
  heal(): void {
    this.toServer = {};
    this.toClient = {};
    this.down = false;
    this.next = undefined;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.reset();
    await closed;
  }

  #join(client: Socket, target: { host: string; port: number }): void {
    this.accepted++;
    this.#keep(client);
    if (this.down) return void client.resetAndDestroy();
    const server = this.#keep(connect({ ...target, allowHalfOpen: true }));
    const both = (): void => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    let lost = false;
    const lose = (): void => {
      lost = true;
      server.resetAndDestroy();
    };
    this.#losing.add(lose);
    let answerLost: Loss | undefined;
    let carried: Loss | undefined;
    const request: Direction = {
      weather: () => (lost ? SILENT : this.toServer),
      reset: both,
      inspect: (seen) => {
        const loss = this.next;
        if (loss?.after === undefined || seen.includes(loss.after)) carried = loss;
        if (loss === undefined || loss !== carried || !seen.includes(loss.sees)) return 'pass';
        this.next = undefined;
        if (loss.lose === 'answer') answerLost = loss;
        return loss.lose === 'request' ? 'reset' : 'pass';
      },
      remember: () => Math.max(this.next?.sees.length ?? 1, this.next?.after?.length ?? 1) - 1,
    };
    const answer: Direction = {
      weather: () => (lost ? SILENT : this.toClient),
      reset: () => {
        if (answerLost?.away) this.down = true;
        if (answerLost?.away) this.reset();
        both();
      },
      inspect: (seen) => (answerLost !== undefined && seen.includes(answerLost.answer ?? '') ? 'reset' : 'pass'),
      remember: () => (answerLost?.answer?.length ?? 1) - 1,
    };
    new Wire(client, server, request);
    new Wire(server, client, answer);
    client.on('close', () => {
      this.#losing.delete(lose);
      server.destroy();
    });
    server.on('close', () => {
      if (!lost) client.destroy();
    });
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
  }
}

/** Below the range a system draws outgoing ports from, where a client that redials could reach itself. */
async function listen(server: Server): Promise<void> {
  for (let port = 21_000 + Math.floor(Math.random() * 9_000); !server.listening; port++)
    await new Promise<void>((resolve) => {
      const taken = (): void => resolve();
      server.once('error', taken).listen(port, '127.0.0.1', () => {
        server.off('error', taken);
        resolve();
      });
    });
}
