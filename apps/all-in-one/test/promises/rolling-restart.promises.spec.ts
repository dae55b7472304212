import { describeRollingRestart } from '../support/rolling-suite.ts';

/** What `npm run promises` was told; scripts/promises.mjs. */
const { log } = JSON.parse(process.env['CROSSDOCK_TEST_PROMISES'] ?? '{}') as { log?: 'postgres' | 'kafka' };

describeRollingRestart(`the event log on ${log}`, { kafka: log === 'kafka' });
