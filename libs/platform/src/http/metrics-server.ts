import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { CrossdockError } from '#contracts';
import type { Runtime } from '../platform.module.ts';

/** `/metrics`, `/livez`, `/readyz` and `/startupz` on a port of their own. Resolves when it listens. */
export async function serveMetrics(runtime: Runtime): Promise<{ port: number; close(): Promise<void> }> {
  const { host, metricsPort } = runtime.environment;
  const server = createServer((request, response) => {
    void answer(runtime, request.url?.split('?')[0] ?? '/').then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  await listen(server, metricsPort, host, 'CROSSDOCK_METRICS_PORT');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

async function answer(runtime: Runtime, path: string): Promise<{ status: number; type: string; body: string }> {
  const { health, metrics } = runtime;
  const json = (status: number, value: unknown) => ({ status, type: 'application/json', body: JSON.stringify(value) });
  if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.text() };
  if (path === '/livez') return json(200, { alive: true });
  if (path === '/startupz') return json(health.started ? 200 : 503, { started: health.started });
  if (path !== '/readyz') return json(404, { code: 'CROSSDOCK_API_NO_ROUTE' });
  const readiness = await health.readiness();
  return json(readiness.ready ? 200 : 503, readiness);
}

/** Listens, or says in one sentence which setting to change. */
export async function listen(server: Server, port: number, host: string, setting: string): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    throw portError(cause, port, host, setting);
  }
}

export function portError(cause: unknown, port: number, host: string, setting: string): unknown {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') return cause;
  const why = code === 'EADDRINUSE' ? 'is taken' : 'cannot be listened on';
  return new CrossdockError('CROSSDOCK_START_PORT', `${host}:${port} ${why}: free it or set ${setting} to another`, {
    cause,
  });
}
