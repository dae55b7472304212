import { NestFactory } from '@nestjs/core';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { portError, serveMetrics } from './http/metrics-server.ts';
import { PermissionGuard } from './http/permission.ts';
import { ProblemFilter, refuseRequest } from './http/problem.ts';
import { PlatformModule, type Runtime } from './platform.module.ts';
import { connectStrategy } from './transport/connect-strategy.ts';
import { Transports } from './transports.ts';

export interface BootOptions {
  module: Type | DynamicModule;
  runtime: Runtime;
  /** listens for webhooks and API calls; default false: only the metrics port */
  http?: boolean;
  /** instead of `CROSSDOCK_PORT` */
  port?: { number: number; setting: string };
}

export interface RunningApp {
  /** base address of the HTTP side; undefined without one */
  url: string | undefined;
  metricsUrl: string;
  app: NestFastifyApplication;
  /**
   * Stops in order: readiness says no; while others notice (`drainMs`), requests are still answered, each with `connection: close`;
   * then no new ones, strategies, providers (`onApplicationShutdown`), metrics.
   */
  close(): Promise<void>;
}

/** Largest body any route reads; capture and console have their own, smaller bounds and say so themselves. */
const BODY_LIMIT = 8 * 1024 * 1024;

@Module({})
class RootModule {}

/**
 * Starts one stage (or several in one module) as a Nest application: the same for each of them, so that health, metrics,
 * permissions, error documents and shutdown are the same too. Bodies reach controllers as Buffer: whoever reads one parses
 * it, exactly and within its own bounds.
 */
export async function boot(options: BootOptions): Promise<RunningApp> {
  const { runtime } = options;
  const { environment } = runtime;
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: 2_048 },
    forceCloseConnections: 'idle',
    return503OnClosing: false, // what slipped in while we closed is answered like everything before it
    frameworkErrors: refuseRequest,
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    { module: RootModule, imports: [PlatformModule.of(runtime), options.module] },
    adapter,
    { logger: false, bodyParser: false, abortOnError: false },
  );
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  fastify.addHook('onSend', async (_request, reply) => {
    if (runtime.health.stopping) void reply.header('connection', 'close');
  });
  app.useGlobalGuards(new PermissionGuard(environment.apiToken));
  app.useGlobalFilters(new ProblemFilter());
  for (const strategy of app.get(Transports).strategies) connectStrategy(app, strategy);

  const metrics = await serveMetrics(runtime);
  let url: string | undefined;
  try {
    await app.init();
    await app.startAllMicroservices();
    if (options.http) {
      const port = options.port ?? { number: environment.port, setting: 'CROSSDOCK_PORT' };
      await app.listen(port.number, environment.host).catch((cause: unknown) => {
        throw portError(cause, port.number, environment.host, port.setting);
      });
      url = `http://${environment.host}:${(app.getHttpServer().address() as AddressInfo).port}`;
    }
  } catch (error) {
    await app.close().catch(() => {});
    await metrics.close();
    throw error;
  }
  runtime.health.started = true;
  return {
    url,
    metricsUrl: `http://${environment.host}:${metrics.port}`,
    app,
    close: async () => {
      runtime.health.stopping = true;
      if (url !== undefined) await pause(environment.drainMs);
      await app.close();
      await metrics.close();
    },
  };
}
