import { boot, type RunningApp, type Runtime } from '#platform';
import { CaptureModule } from './capture.module.ts';

export const start = (runtime: Runtime): Promise<RunningApp> => boot({ module: CaptureModule, runtime, http: true });
