import { describeRollingRestart } from './support/rolling-suite.ts';

describeRollingRestart('the event log in PostgreSQL', { kafka: false });
