import { afterAll, describe, expect, it } from '@jest/globals';
import { seeded } from '#testing';
import { crashAtEach, crashesOf, pointsOf } from './crash.ts';
import { casesOf } from './crash-points.ts';
import { bookedLate, LATE_BY_FIVE_SECONDS } from './late.ts';
import { missingOf, type Tiers } from './gates.ts';
import { partitionsChanged } from './partitions.ts';
import { run, type RunResult } from './run.ts';
import { heading, notBegun, notTested, rowOf, totalOf, type Row } from './table.ts';
import { clockLibrary } from './clock.ts';
import { clockSteps, kafkaCrashes, kafkaCrashesRarely, newerVersion } from './server-troubles.ts';
import type { Trouble } from './trouble.ts';
import * as trouble from './troubles.ts';
import { writtenBack } from './write-back.ts';
import { startWorld, type World, type WorldOptions } from './world.ts';

/** What `npm run promises` was told; scripts/promises.mjs. */
const settings = JSON.parse(process.env['CROSSDOCK_TEST_PROMISES'] ?? '{}') as {
  kills: number;
  /** none: as long as it takes */
  minutes?: number;
  seed: number;
  log: 'postgres' | 'kafka';
  stages: boolean;
  only: string;
};
const { seed, log, stages } = settings;
/** Whatever is waited for has a deadline of its own. */
const A_DAY_MS = 24 * 3_600_000;

interface Harm {
  fault: string;
  rows: string;
  /** gets its share of the kills */
  killed: boolean;
  do(world: World, seed: number, kills: number): Promise<RunResult>;
}
const SIZE = { customers: 10, orders: 15, versions: 5, paceMs: 1_500 };
const harm = (fault: string, troubles: readonly Trouble[], rows?: string): Harm => ({
  fault,
  rows: rows ?? troubles.map((each) => (stages ? (each.rowsApart ?? each.rows) : each.rows)).join(' '),
  killed: true,
  do: (world, mine, kills) => run(world, { seed: mine, ...SIZE, troubles, kills }),
});
const only = (each: Trouble): Harm => harm(each.name, [each]);

const everything = harm(
  'everything at once',
  log === 'kafka' ? [...trouble.EVERYTHING, kafkaCrashesRarely] : trouble.EVERYTHING,
  'F69',
);
/** A kill comes at any of the points, or between two of them. */
const DEATHS = casesOf(pointsOf(log)).join(' ');
const crashPoints: Harm = {
  fault: 'death at every crash point',
  rows: DEATHS,
  killed: false,
  do: (world, mine) => {
    const crashes = crashesOf(log);
    const troubles = [trouble.resets];
    return run(world, { seed: mine, ...SIZE, troubles, meanwhile: () => crashAtEach(world, crashes, mine) });
  },
};
/** Rolls every process to another version and back, with kills of its own. */
const rolling: Harm = { ...harm(newerVersion.name, [newerVersion]), killed: false };
const partitions: Harm = { ...only(partitionsChanged), killed: false };
const clocks = harm(clockSteps.name, [clockSteps, trouble.timeoutAfterApply], clockSteps.rows);
const late: Harm = {
  fault: '1,000 orders booked late',
  rows: 'F43',
  killed: false,
  do: (world, mine) => bookedLate(world, { seed: mine, orders: 1_000, afterMs: LATE_BY_FIVE_SECONDS.afterMs }),
};
/** In a world of its own: its records come from the sandbox CRM. */
const thereAndBack: Harm = {
  fault: 'written back to the CRM',
  rows: 'F43-F48 F52 F60',
  killed: true,
  do: (world, mine, kills) => writtenBack(world, { seed: mine, kills }),
};
/** Tier C: what was sent and not answered can be neither repeated nor looked up. */
const NEVER: WorldOptions = {
  home: [
    ['repeatIsSafe: { create: look-first }', 'repeatIsSafe: never'],
    ['repeatIsSafe: by-idempotency-key', 'repeatIsSafe: never'],
  ],
};
const WORLDS: readonly { tiers: Tiers; options: WorldOptions; harms: readonly Harm[] }[] = [
  {
    tiers: 'A B',
    options: {},
    harms: [
      harm('kill -9', [], DEATHS),
      ...trouble.SINGLE.map(only),
      ...(log === 'kafka' ? [only(kafkaCrashes)] : []),
      everything,
      ...(stages ? [] : [crashPoints]), // of the stages apart one of two would die, which the kills do
      ...(stages && log === 'kafka' ? [partitions] : []),
      rolling, // the last one: its columns stay
    ],
  },
  ...(clockLibrary() === undefined ? [] : [{ tiers: 'A B', options: { clocks: true }, harms: [clocks] } as const]),
  {
    tiers: 'A C',
    options: NEVER,
    harms: [trouble.timeoutAfterApply, trouble.resets, trouble.garbage]
      .map(only)
      .concat(everything)
      .map((each) => ({ ...each, fault: `${each.fault}, tier C` })),
  },
  { tiers: 'A B', options: {}, harms: [thereAndBack] },
  { tiers: 'A B', options: LATE_BY_FIVE_SECONDS.options, harms: [late] },
];

describe('the promises, by force', () => {
  const done: Row[] = [];
  const wrong: string[] = [];
  const begun: string[] = [];
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  const until = performance.now() + (settings.minutes ?? Infinity) * 60_000;
  const names = WORLDS.flatMap(({ harms }) => harms.map(({ fault }) => fault));
  const wanted = ({ fault }: Harm): boolean =>
    names.includes(settings.only) ? fault === settings.only : fault.includes(settings.only);
  const chosen = WORLDS.map((each) => ({ ...each, harms: each.harms.filter(wanted) }));
  const asked = chosen.flatMap(({ harms }) => harms.map(({ fault }) => fault));
  const shares = chosen.flatMap(({ harms }) => harms.filter(({ killed }) => killed)).length;
  let killedRows = 0;
  const share = ({ killed }: Harm): number =>
    killed ? Math.floor(settings.kills / shares) + (killedRows++ < settings.kills % shares ? 1 : 0) : 0;

  write(`log ${log}, ${stages ? 'stages as processes' : 'all in one process'}, seed ${seed}`);
  write(heading());
  if (clockLibrary() === undefined)
    write(notTested(clocks.fault, clocks.rows, 'libfaketime is not installed (apt-get install libfaketime)'));
  afterAll(() => write(totalOf(done, notBegun(asked, begun))));

  it.each(chosen.filter(({ harms }) => harms.length > 0))(
    'hold in tiers $tiers',
    async ({ tiers, options, harms }) => {
      if (performance.now() > until) return;
      const world = await startWorld({ ...options, log, stages });
      try {
        for (const each of harms) {
          if (performance.now() > until) break;
          begun.push(each.fault);
          const kills = share(each);
          const mine = seed + seeded(seed).below(1_000) + each.fault.length; // the same whatever else is chosen
          const again = `npm run promises -- --seed ${seed} --kills ${kills} --log ${log}${stages ? ' --stages' : ''} --only '${each.fault}'`;
          try {
            const result = await each.do(world, mine, kills);
            const row = { fault: each.fault, rows: each.rows, tiers, seed: mine, kills, result };
            done.push(row);
            write(rowOf(row));
            const missing = missingOf(result, tiers);
            if (result.anomalies.length + missing.length > 0)
              wrong.push([each.fault, ...missing, result.story, `again: ${again}`].join('\n'));
          } catch (error) {
            wrong.push(`${each.fault}\n${error instanceof Error ? error.stack : String(error)}\nagain: ${again}`);
          }
        }
      } finally {
        await world.close();
      }
      expect(wrong.splice(0).join('\n\n')).toBe('');
    },
    A_DAY_MS,
  );

  it('are put to every test that was asked for', () => {
    expect(notBegun(asked, begun)).toEqual([]);
  });
});
