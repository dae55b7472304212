import type { EventLog } from '#contracts';
import { eventually } from './eventually.ts';
import type { Abilities, EventLogHarness } from './harness.ts';

/** What the parts of the contract share; harness and log are there once the tests run. */
export class Suite {
  readonly able: Abilities;
  harness!: EventLogHarness;
  log!: EventLog;

  constructor(able: Abilities) {
    this.able = able;
  }

  /** how many records of the topic the group has not committed */
  async behind(group: string, topic: string): Promise<bigint> {
    return (await this.log.lag(group, [topic])).reduce((sum, partition) => sum + partition.lag, 0n);
  }

  caughtUp(group: string, topic: string): Promise<boolean> {
    return eventually(async () => (await this.behind(group, topic)) === 0n, `${group} has committed everything`);
  }
}
