import { describeKill } from './support/kill-suite.ts';

describeKill('on embedded defaults', [], 1_000, { sick: true });
