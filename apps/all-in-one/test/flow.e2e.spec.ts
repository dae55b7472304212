import { describeFlow } from './support/flow-suite.ts';

describeFlow('on embedded defaults', []);
