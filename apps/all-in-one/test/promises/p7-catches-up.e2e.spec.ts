import { describeRestarts } from './restarts.ts';

describeRestarts({ rounds: 3, orders: 60 });
