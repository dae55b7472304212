export { describeEventLog } from './describe-event-log.ts';
export { eventually } from './eventually.ts';
export type { EventLogHarness, LogAddress } from './harness.ts';
