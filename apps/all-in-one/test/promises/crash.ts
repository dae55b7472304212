import { seeded, type Crash } from '#testing';
import { until } from '../support/product.ts';
import { CRASH_POINTS, IN_FLIGHT, PASSED_ONCE, type CrashPoint } from './crash-points.ts';
import type { World } from './world.ts';

/** Which of them this world passes: a process that reads one kind of log never commits to the other. */
export function pointsOf(log: 'postgres' | 'kafka'): CrashPoint[] {
  const other = log === 'kafka' ? 'log.' : 'kafka.';
  return (Object.keys(CRASH_POINTS) as CrashPoint[]).filter((point) => !point.startsWith(other));
}

export const crashesOf = (log: 'postgres' | 'kafka'): Crash[] => [
  ...pointsOf(log).map((point) => ({ point })),
  ...IN_FLIGHT,
];

/** Enough of every step passes by then, also of those that follow a doubt. */
const PASSED_WITHIN_MS = 120_000;

/**
 * The whole product dies at each of these, one after the other, at a passing that the seed chooses among the first few
 * (the first of a batch, and one within), and is started again to die at the next. Throws for a point that nothing
 * passes. To be run `meanwhile`: events must be coming in.
 */
export async function crashAtEach(world: World, crashes: readonly Crash[], seed: number): Promise<string[]> {
  const random = seeded(seed);
  const [part] = world.parts;
  const did: string[] = [];
  for (const crash of crashes) {
    const first = PASSED_ONCE.has(crash.point as CrashPoint) || random.chance(0.5);
    const nth = crash.nth ?? (first ? 1 : 1 + random.below(4));
    await part!.kill();
    part!.startToDie(world.changes({ crashes: [{ ...crash, nth }] }));
    await until(
      async () => {
        if (part!.ended && !part!.killed) throw new Error(part!.output);
        return part!.killed;
      },
      (dead) => dead,
      { within: PASSED_WITHIN_MS, what: `${crash.point} is passed ${nth} times` },
    );
    did.push(`died at ${crash.point} (${nth}${crash.afterMs === undefined ? '' : `, ${crash.afterMs} ms later`})`);
  }
  await part!.start(world.changes({}));
  return did;
}
