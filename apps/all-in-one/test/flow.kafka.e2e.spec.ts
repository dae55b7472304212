import { describeFlow } from './support/flow-suite.ts';

describeFlow('on a real Kafka broker', ['--kafka']);
