import { boot, type RunningApp, type Runtime } from '#platform';
import { ConsoleModule } from './console.module.ts';

export const start = (runtime: Runtime): Promise<RunningApp> => boot({ module: ConsoleModule, runtime, http: true });
