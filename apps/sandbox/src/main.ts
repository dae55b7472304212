import { join } from 'node:path';
import type { RunningApp, Runtime } from '#platform';
import { CrmModule } from './crm/crm.module.ts';
import { CrmSyncController } from './crm/sync.controller.ts';
import { serveSandbox } from './serve.ts';

export const start = (runtime: Runtime): Promise<RunningApp> =>
  serveSandbox(runtime, {
    data: join(runtime.environment.data, 'sandbox'),
    imports: [CrmModule],
    controllers: [CrmSyncController],
  });
