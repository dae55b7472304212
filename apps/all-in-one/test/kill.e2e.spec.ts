import { describeKill } from './support/kill-suite.ts';

describeKill('on embedded defaults', []);
