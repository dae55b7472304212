import { createServer, connect, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** PostgreSQL's simple query `commit`, as it stands on the wire. */
const COMMIT = Buffer.from('Q\0\0\0\x0bcommit\0', 'latin1');

/**
 * A way to PostgreSQL that can be cut where it hurts. It is set by tests; `passing` means it does nothing.
 *
 * - `refusing` and `hanging` hold for all connections
 * - `lose the commit` cuts the next connection that commits before the server hears of it
 * - `lose the answer` lets the server commit, and cuts before its answer comes back; `away` says whether the way is
 *   closed from then on
 */
export class FlakyProxy {
  state: 'passing' | 'refusing' | 'hanging' = 'passing';
  next: undefined | { lose: 'the commit' } | { lose: 'the answer'; away: boolean };
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async open(databaseUrl: string): Promise<FlakyProxy> {
    const target = new URL(databaseUrl);
    const server = createServer();
    for (let port = 21_000 + Math.floor(Math.random() * 9_000); !server.listening; port++)
      await new Promise<void>((resolve) => {
        server.once('error', () => resolve()).listen(port, '127.0.0.1', resolve);
      });
    const through = new URL(databaseUrl);
    through.hostname = '127.0.0.1';
    through.port = String((server.address() as AddressInfo).port);
    const proxy = new FlakyProxy(server, through.href);
    server.on('connection', (client) => proxy.#join(client, target));
    return proxy;
  }

  /** Cuts what is open. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, target: URL): void {
    this.#keep(client);
    if (this.state === 'refusing') return void client.resetAndDestroy();
    const server = this.#keep(connect(Number(target.port), target.hostname));
    let deaf = false;
    client.on('data', (bytes) => {
      if (this.state === 'hanging') return;
      const next = bytes.includes(COMMIT) ? this.next : undefined;
      if (next === undefined) return void server.write(bytes);
      this.next = undefined;
      if (next.lose === 'the commit') return void client.resetAndDestroy();
      deaf = true;
      server.write(bytes);
      server.once('data', () => {
        client.resetAndDestroy();
        if (!next.away) return;
        this.state = 'refusing';
        this.cut();
      });
    });
    server.on('data', (bytes) => {
      if (!deaf && this.state !== 'hanging') client.write(bytes);
    });
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
  }
}
