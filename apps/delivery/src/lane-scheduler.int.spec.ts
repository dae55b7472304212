import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Database } from '#db';
import { fixture } from '../test/fixture.ts';
import { CLAIM, type ClaimedRow } from './sql/claim.ts';
import { WAKE_LANES } from './sql/intake.ts';
import { RELEASE, RENEW } from './sql/release.ts';

const at = fixture();
const LANES = 4;
const HOLDERS = ['a', 'b', 'c'] as const;
type Holder = (typeof HOLDERS)[number];
const LEASE_MS = 600_000;

/** One lane as the rules have it: who may work on it, and when it is somebody's turn again. */
interface LaneOf {
  token: bigint;
  holder: Holder | null;
  /** its place in the queue; null: nothing to do until something comes */
  due: number | null;
  wake: boolean;
}

interface Model {
  lanes: LaneOf[];
  /** what each process believes it holds: it may have slept through the end of its lease */
  believed: Record<Holder, { lane: number; token: bigint }[]>;
  /** given back while a renewal of it was on its way */
  gaveBack: Record<Holder, { lane: number; token: bigint }[]>;
  turn: number;
}

interface Real {
  database: Database;
  connection: string;
  ids: bigint[];
}

type Step = fc.AsyncCommand<Model, Real>;
const always = (): boolean => true;

class SomethingArrives implements Step {
  constructor(readonly lane: number) {}
  check = always;
  async run(model: Model, { database, ids }: Real): Promise<void> {
    await database.query(WAKE_LANES, [[ids[this.lane]]]);
    const lane = model.lanes[this.lane]!;
    lane.wake = true;
    if (lane.holder === null && (lane.due === null || lane.due === Infinity)) lane.due = ++model.turn; // else it keeps its turn
  }
  toString = (): string => `something arrives in ${this.lane}`;
}

class Claims implements Step {
  constructor(
    readonly holder: Holder,
    readonly most: number,
  ) {}
  check = always;
  async run(model: Model, { database, connection, ids }: Real): Promise<void> {
    const rows = await database.query<ClaimedRow>(CLAIM, [connection, this.most, this.holder, LEASE_MS, false]);
    const claimed = rows.filter(({ id }) => id !== null).map(({ id, token }) => ({ lane: ids.indexOf(id), token }));
    const dues = model.lanes.flatMap(({ due }) => (due === null || due === Infinity ? [] : [due]));
    // those that were given back together wait equally long: any of them may be next
    const longest = dues.toSorted((a, b) => a - b).slice(0, this.most);
    const found = claimed.map(({ lane }) => model.lanes[lane]!);
    expect(new Set(found).size).toBe(found.length);
    expect(found.map(({ due }) => due!).toSorted((a, b) => a - b)).toEqual(longest);
    for (const [n, lane] of found.entries()) {
      lane.token++;
      expect(claimed[n]!.token).toBe(lane.token);
      Object.assign(lane, { holder: this.holder, wake: false, due: Infinity });
    }
    model.believed[this.holder].push(...claimed);
  }
  toString = (): string => `${this.holder} claims ${this.most}`;
}

/** Of all it believes to hold, also what it has lost meanwhile: that must change nothing. */
class GivesBack implements Step {
  constructor(
    readonly holder: Holder,
    readonly more: boolean,
  ) {}
  check = (model: Readonly<Model>): boolean => model.believed[this.holder].length > 0;
  async run(model: Model, { database, ids }: Real): Promise<void> {
    const believed = model.believed[this.holder].splice(0);
    await database.query(RELEASE, [
      believed.map(({ lane }) => ids[lane]),
      believed.map(({ token }) => token),
      believed.map(() => (this.more ? 0 : null)),
      this.holder,
    ]);
    model.gaveBack[this.holder] = believed;
    const turn = ++model.turn;
    for (const { lane: n, token } of believed) {
      const lane = model.lanes[n]!;
      if (lane.token !== token || lane.holder !== this.holder) continue;
      lane.due = lane.wake || this.more ? turn : null;
      Object.assign(lane, { holder: null, wake: false });
    }
  }
  toString = (): string => `${this.holder} gives back, ${this.more ? 'more' : 'nothing more'} to do`;
}

class Renews implements Step {
  constructor(readonly holder: Holder) {}
  check = (model: Readonly<Model>): boolean =>
    model.believed[this.holder].length + model.gaveBack[this.holder].length > 0;
  async run(model: Model, { database, ids }: Real): Promise<void> {
    const believed = [...model.believed[this.holder], ...model.gaveBack[this.holder].splice(0)];
    const renewed = await database.query<{ id: bigint }>(RENEW, [
      believed.map(({ lane }) => ids[lane]),
      believed.map(({ token }) => token),
      LEASE_MS,
      this.holder,
    ]);
    const ours = believed.filter(
      ({ lane: n, token }) => model.lanes[n]!.token === token && model.lanes[n]!.holder === this.holder,
    );
    expect(renewed.map(({ id }) => ids.indexOf(id)).toSorted()).toEqual(ours.map(({ lane }) => lane).toSorted());
    for (const { lane } of ours) model.lanes[lane]!.due = Infinity;
    model.believed[this.holder] = ours;
  }
  toString = (): string => `${this.holder} renews`;
}

/** The process dies, or sleeps: its leases end, all at once. It still believes what it believed. */
class LeasesEnd implements Step {
  constructor(readonly holder: Holder) {}
  check = (model: Readonly<Model>): boolean => model.lanes.some(({ holder }) => holder === this.holder);
  async run(model: Model, { database, connection, ids }: Real): Promise<void> {
    for (const [n, lane] of model.lanes.entries()) {
      if (lane.holder !== this.holder || lane.due !== Infinity) continue;
      await database.query(
        'update lane set until = clock_timestamp(), due_at = clock_timestamp() where id = $1 and connection = $2',
        [ids[n], connection],
      );
      lane.due = ++model.turn;
    }
  }
  toString = (): string => `the leases of ${this.holder} end`;
}

const holder = fc.constantFrom(...HOLDERS);
const steps = fc.commands<Model, Real, false>(
  [
    fc.nat({ max: LANES - 1 }).map((lane) => new SomethingArrives(lane)),
    fc.tuple(holder, fc.integer({ min: 1, max: LANES })).map(([who, most]) => new Claims(who, most)),
    fc.tuple(holder, fc.boolean()).map(([who, more]) => new GivesBack(who, more)),
    holder.map((who) => new Renews(who)),
    holder.map((who) => new LeasesEnd(who)),
  ],
  { maxCommands: 30 },
);

let connections = 0;
async function empty(): Promise<{ model: Model; real: Real }> {
  const connection = `scheduled-${++connections}`;
  await at.database.query('insert into connection_state (connection) values ($1)', [connection]);
  const rows = await at.database.query<{ id: bigint }>(
    `insert into lane (connection, document, key) select $1, 'd', 'k' || n from generate_series(1, $2::int) n returning id`,
    [connection, LANES],
  );
  const model: Model = {
    lanes: Array.from({ length: LANES }, () => ({ token: 0n, holder: null, due: null, wake: false })),
    believed: { a: [], b: [], c: [] },
    gaveBack: { a: [], b: [], c: [] },
    turn: 0,
  };
  return { model, real: { database: at.database, connection, ids: rows.map(({ id }) => id) } };
}

describe('lanes between processes that claim, die, sleep through their leases and come back', () => {
  it('belong to one at a time, the longest waiting first, and none that something came for is forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        const both = await empty();
        await fc.asyncModelRun(() => both, commands);
        const { model, real } = both;
        const waiting = model.lanes.filter(({ due }) => due !== null && due !== Infinity).length;
        const left = await real.database.query<ClaimedRow>(CLAIM, [real.connection, LANES, 'z', LEASE_MS, false]);
        expect(left.filter(({ id }) => id !== null)).toHaveLength(waiting);
      }),
      { numRuns: 150 },
    );
  }, 120_000);
});
