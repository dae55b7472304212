import { boot, type RunningApp, type Runtime } from '#platform';
import { DeliveryModule } from './delivery.module.ts';

export const start = (runtime: Runtime): Promise<RunningApp> => boot({ module: DeliveryModule, runtime });
