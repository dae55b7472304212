import { afterAll, beforeAll, describe } from '@jest/globals';
import { itStopsAtHoles } from './contract/alarms.ts';
import { itHandlesBatches } from './contract/batches.ts';
import { itKeepsDeadLetters } from './contract/dead-letters.ts';
import { itSharesGroups } from './contract/groups.ts';
import { itCarriesRecords } from './contract/records.ts';
import { itRefuses } from './contract/refusals.ts';
import type { Abilities, EventLogHarness } from './harness.ts';
import { Suite } from './suite.ts';

/**
 * The contract of the event-log port: an adapter that passes it may stand below Crossdock. One harness for the whole suite,
 * a topic and groups of its own for each test.
 */
export function describeEventLog(name: string, able: Abilities, makeLog: () => Promise<EventLogHarness>): void {
  describe(`the event log on ${name}`, () => {
    const suite = new Suite(able);

    beforeAll(async () => {
      suite.harness = await makeLog();
      suite.log = await suite.harness.open();
    }, 120_000);
    afterAll(() => suite.harness?.close(), 60_000);

    itCarriesRecords(suite);
    itHandlesBatches(suite);
    itKeepsDeadLetters(suite);
    itSharesGroups(suite);
    itStopsAtHoles(suite);
    itRefuses(suite);
  });
}
