import { describeKill } from './support/kill-suite.ts';

// what a sick ERP does is no matter of the log
describeKill('on a real Kafka broker', ['--kafka'], 500, { sick: false });
