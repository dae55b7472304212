import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventId, type StoredRecord } from '#contracts';
import { Metrics } from '#platform';
import { fixture } from '../test/fixture.ts';
import { recordOf } from '../test/harness.ts';
import { Intake } from './intake.ts';

const at = fixture();

interface Document {
  event: number;
  flow: number;
  body: number;
}

/** The first of each event and flow stands; what comes after is counted, and whether any of it differed. */
interface Model {
  kept: Map<string, { body: number | undefined; times: number; bodies: Set<number> }>;
}

interface Real {
  connection: string;
  intake: Intake;
  offset: bigint;
}

type Step = fc.AsyncCommand<Model, Real>;
const nameOf = ({ connection }: Real, flow: number): string => `${connection}-${flow}`;
const eventOf = ({ connection }: Real, event: number): string =>
  eventId({ tenant: connection, source: 's', entity: 'e', recordId: 'r', sourceEventId: String(event) });

const records = (real: Real, batch: readonly Document[]): StoredRecord[] =>
  batch.map(({ event, flow, body }) =>
    recordOf(
      real.connection,
      eventOf(real, event),
      { flow: nameOf(real, flow), key: `r${event}`, body: { body } },
      ++real.offset,
    ),
  );

function note(model: Model, batch: readonly Document[], firstKnown: boolean): void {
  for (const { event, flow, body } of batch) {
    const key = `${event} ${flow}`;
    const known = model.kept.get(key);
    if (known === undefined)
      model.kept.set(key, { body: firstKnown ? body : undefined, times: 1, bodies: new Set([body]) });
    else {
      known.times++;
      known.bodies.add(body);
    }
  }
}

class TakesIn implements Step {
  constructor(readonly batch: readonly Document[]) {}
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    expect(await real.intake.take(records(real, this.batch))).toEqual([]);
    note(model, this.batch, true);
  }
  toString = (): string => `takes in ${JSON.stringify(this.batch)}`;
}

/** As after a rebalance, or a crash before the offsets were committed: two processes have the same records at once. */
class TwoTakeIn implements Step {
  constructor(
    readonly batch: readonly Document[],
    readonly other: readonly Document[],
  ) {}
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    const [mine, theirs] = [records(real, this.batch), records(real, this.other)];
    const refused = await Promise.all([real.intake.take(mine), real.intake.take(theirs)]);
    expect(refused.flat()).toEqual([]);
    note(model, [...this.batch, ...this.other], false); // whose was first, nobody knows
  }
  toString = (): string => `two take in ${JSON.stringify(this.batch)} and ${JSON.stringify(this.other)}`;
}

const batch = fc.array(fc.record({ event: fc.nat({ max: 3 }), flow: fc.nat({ max: 1 }), body: fc.nat({ max: 2 }) }), {
  minLength: 1,
  maxLength: 6,
});
const steps = fc.commands<Model, Real, false>(
  [batch.map((list) => new TakesIn(list)), fc.tuple(batch, batch).map(([one, two]) => new TwoTakeIn(one, two))],
  { maxCommands: 8 },
);

interface Kept {
  event_id: string;
  flow: string;
  body: string;
  repeats: number;
  differing: number;
}

let connections = 0;

describe('documents that come again, in one batch, in later ones, and in two at once', () => {
  it('make one delivery for each event and flow, keep the first, and count the rest', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        const connection = `dedupe-${++connections}`;
        const real: Real = { connection, intake: new Intake(at.database, new Metrics(), () => {}), offset: 0n };
        const model: Model = { kept: new Map() };
        await fc.asyncModelRun(() => ({ model, real }), commands);

        const rows = await at.database.query<Kept>(
          `select d.event_id, d.flow, r.body, k.repeats, k.differing
             from delivery d join revision r on r.delivery_id = d.id and r.n = 1 join delivery_key k on k.delivery_id = d.id
            where d.connection = $1`,
          [connection],
        );
        expect(rows).toHaveLength(model.kept.size);
        for (const [key, { body, times, bodies }] of model.kept) {
          const [event, flow] = key.split(' ').map(Number) as [number, number];
          const row = rows.find((each) => each.event_id === eventOf(real, event) && each.flow === nameOf(real, flow))!;
          const stored = (JSON.parse(row.body) as { body: number }).body;
          if (body !== undefined) expect(stored).toBe(body);
          else expect(bodies).toContain(stored);
          expect(row.repeats).toBe(times - 1);
          expect(row.differing > 0).toBe(bodies.size > 1);
        }
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});
