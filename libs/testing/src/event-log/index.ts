export { describeEventLog } from './describe-event-log.ts';
export { eventually } from './eventually.ts';
export type { Abilities, EventLogHarness, LogAddress } from './harness.ts';
