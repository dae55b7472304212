import { boot, type RunningApp, type Runtime } from '#platform';
import { MapperModule } from './mapper.module.ts';

export const start = (runtime: Runtime): Promise<RunningApp> => boot({ module: MapperModule, runtime });
