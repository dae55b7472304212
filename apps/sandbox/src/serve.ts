import { boot, type Environment, Health, Metrics, readEnvironment, type RunningApp, type Runtime } from '#platform';
import { SandboxModule, type SandboxOptions } from './sandbox.module.ts';

/** Starts the sandbox on what the process was started with. */
export function serveSandbox(runtime: Runtime, options: SandboxOptions): Promise<RunningApp> {
  const port = { number: runtime.environment.sandboxPort, setting: 'CROSSDOCK_SANDBOX_PORT' };
  return boot({ module: SandboxModule.of(options), runtime, http: true, port });
}

/**
 * The same without the rest of Crossdock, on free ports of this machine: the pretend systems stand for other people's,
 * which know nothing of our configuration. For tests and benchmarks.
 */
export function serveSandboxAlone(options: SandboxOptions & { port?: number }): Promise<RunningApp> {
  const environment: Environment = {
    ...readEnvironment({ CROSSDOCK_METRICS_PORT: '0', CROSSDOCK_SANDBOX_PORT: String(options.port ?? 0) }),
    data: options.data,
  };
  const configuration: Runtime['configuration'] = {
    tenant: 'sandbox',
    connections: new Map(),
    flows: new Map(),
    position: () => ({ file: 'crossdock.yaml', line: 1, column: 1 }),
  };
  const runtime = { environment, configuration, schemaRoots: [], metrics: new Metrics(), health: new Health() };
  return serveSandbox(runtime, options);
}
