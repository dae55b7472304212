import { describeKill } from './support/kill-suite.ts';

describeKill('on a real Kafka broker', ['--kafka']);
