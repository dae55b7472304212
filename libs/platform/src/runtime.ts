import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfiguration } from './configuration/load.ts';
import { readEnvironment, type Environment } from './environment.ts';
import { Health } from './health.ts';
import { configureLogging } from './logging.ts';
import { Metrics } from './metrics/metrics.ts';
import { packageRoot } from './paths.ts';
import type { Runtime } from './platform.module.ts';

/** Reads environment and configuration; throws ConfigurationError. `environment` is handed in by tests and by the cli. */
export function openRuntime(environment: Environment = readEnvironment()): Runtime {
  configureLogging(environment);
  return {
    environment,
    configuration: loadConfiguration(environment),
    schemaRoots: schemaRoots(environment),
    metrics: new Metrics({ runtime: true }),
    health: new Health(),
  };
}

/** Ours first, then the user's own. */
export function schemaRoots(environment: Pick<Environment, 'home'>): string[] {
  const ours = join(packageRoot(), 'schemas');
  const theirs = join(environment.home, 'schemas');
  return theirs !== ours && existsSync(theirs) ? [ours, theirs] : [ours];
}
