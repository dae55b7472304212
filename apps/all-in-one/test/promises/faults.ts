import { setTimeout as wait } from 'node:timers/promises';
import type { Seeded, TcpProxy } from '#testing';

/** How late an effect may come that we gave up: less than the settle times of `world.ts` cover. */
export const LATE_MS = 2_000;

const WRITES = [
  'apply-and-never-answer',
  { kind: 'apply-late', afterMs: LATE_MS },
  'reset-before',
  'reset-after',
  'garbage',
  'truncated',
  { kind: 'status', status: 500 },
  { kind: 'status', status: 500, apply: true },
  { kind: 'status', status: 503, retryAfter: 1 },
  { kind: 'status', status: 429, retryAfter: 1 },
  { kind: 'slow', ms: 400 },
] as const;
/** A look that fails is not absence. */
const LOOKS = ['reset-before', 'garbage', { kind: 'status', status: 500 }, 'hang'] as const;

/** Faults at chosen calls of both systems, all kinds at least once, and one order that hangs until everything heals. */
export function faultPlan(random: Seeded, count: number, calls: number, hungKey: string): object[] {
  const writes = Array.from({ length: count }, (_, n) => {
    const effect = WRITES[n] ?? random.pick(WRITES);
    return { match: matchFor(random), nth: 1 + random.below(calls), effect };
  });
  const looks = LOOKS.map((effect) => ({
    match: { system: 'erp', method: 'GET', path: '^/sales-orders' },
    nth: 1 + random.below(8),
    effect,
  }));
  return [{ match: { system: 'erp', key: `^${hungKey}$` }, effect: 'hang' }, ...writes, ...looks];
}

function matchFor(random: Seeded): object {
  if (random.chance(0.25)) return { system: 'finance', method: 'POST' };
  return { system: 'erp', method: random.pick(['POST', 'PUT']) };
}

/** Disturbs the way to the targets, one thing after the other, until told to stop. Resolves with what it did, in order. */
export async function nemesis(random: Seeded, proxy: TcpProxy, stop: AbortSignal): Promise<string[]> {
  const did: string[] = [];
  const faults: Readonly<Record<string, () => void>> = {
    'reset all': () => proxy.reset(),
    'answers late': () => (proxy.toClient = { latencyMs: 40 }),
    'answers swallowed': () => (proxy.toClient = { swallow: true }),
    'requests swallowed': () => (proxy.toServer = { swallow: true }),
    'answers cut': () => (proxy.toClient = { cutAfterBytes: 250 }), // within its body, sooner or later
    'requests cut': () => (proxy.toServer = { cutAfterBytes: 400 }),
    down: () => {
      proxy.down = true;
      proxy.reset();
    },
  };
  const pause = (ms: number): Promise<void> => wait(ms, undefined, { signal: stop }).catch(() => {});
  while (!stop.aborted) {
    await pause(500 + random.below(1_000));
    if (stop.aborted) break;
    const name = random.pick(Object.keys(faults));
    did.push(name);
    faults[name]!();
    await pause(100 + random.below(300));
    proxy.heal();
  }
  return did;
}
