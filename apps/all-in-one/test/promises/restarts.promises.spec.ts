import { describeRestarts } from './restarts.ts';

describeRestarts({ rounds: 20, orders: 40 });
