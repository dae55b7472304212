import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Configuration } from '#contracts';
import type { Environment } from './environment.ts';
import { Health } from './health.ts';
import { Metrics } from './metrics/metrics.ts';
import { Transports } from './transports.ts';

/** Injection tokens of what has no class of its own. `Metrics`, `Health` and `Transports` are injected by class. */
export const ENVIRONMENT = Symbol('environment');
export const CONFIGURATION = Symbol('configuration');
export const SCHEMA_ROOTS = Symbol('schema roots');

/** All a stage is started with. */
export interface Runtime {
  environment: Environment;
  configuration: Configuration;
  /** folders laid out like schemas/; a later one replaces files of the same name */
  schemaRoots: readonly string[];
  metrics: Metrics;
  health: Health;
}

@Global()
@Module({})
export class PlatformModule {
  static of(runtime: Runtime): DynamicModule {
    return {
      module: PlatformModule,
      providers: [
        { provide: ENVIRONMENT, useValue: runtime.environment },
        { provide: CONFIGURATION, useValue: runtime.configuration },
        { provide: SCHEMA_ROOTS, useValue: runtime.schemaRoots },
        { provide: Metrics, useValue: runtime.metrics },
        { provide: Health, useValue: runtime.health },
        Transports,
      ],
      exports: [ENVIRONMENT, CONFIGURATION, SCHEMA_ROOTS, Metrics, Health, Transports],
    };
  }
}
