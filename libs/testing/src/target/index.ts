export type { DocumentSample, TargetBench, TargetFault } from './bench.ts';
export { describeTarget, type Waiver } from './describe-target.ts';
