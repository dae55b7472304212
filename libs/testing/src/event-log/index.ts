export { collect, perKey } from './collect.ts';
export type { Collected } from './collect.ts';
export { describeEventLog } from './describe-event-log.ts';
export { eventually } from './eventually.ts';
export { freshTopic, text, unique } from './harness.ts';
export type { Abilities, EventLogHarness, LogAddress } from './harness.ts';
export { slowMember } from './slow-process.ts';
export type { SlowMember } from './slow-process.ts';
