import { createServer } from 'node:net';

/** Below the range from which a system draws outgoing ports, so that no client's own port takes it before it is listened on. */
const LOWEST = 12_000;
/** Of each worker of jest: what one has chosen and not yet listened on, no other can choose. */
const SLICE = 1_000;
const SLICES = 8;

const lowest = LOWEST + SLICE * (Number(process.env['JEST_WORKER_ID'] ?? 0) % SLICES);
let next = Math.floor(Math.random() * SLICE);

/** A port of 127.0.0.1 that nobody listens on; another one each time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + (next++ % SLICE);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
