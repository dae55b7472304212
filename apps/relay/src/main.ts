import { boot, type RunningApp, type Runtime } from '#platform';
import { RelayModule } from './relay.module.ts';

export const start = (runtime: Runtime): Promise<RunningApp> => boot({ module: RelayModule, runtime });
