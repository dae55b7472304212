import { boot, type RunningApp, type Runtime } from '#platform';
import { AllInOneModule } from './all-in-one.module.ts';

export const start = (runtime: Runtime): Promise<RunningApp> => boot({ module: AllInOneModule, runtime, http: true });
