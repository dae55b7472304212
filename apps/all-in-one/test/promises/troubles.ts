import { setTimeout as wait } from 'node:timers/promises';
import type { Seeded, TcpProxy } from '#testing';
import { getJson, until } from '../support/product.ts';
import { status } from '../support/records.ts';
import {
  connectionsRunOut,
  frozenProcesses,
  postgresCrashes,
  postgresStandsStill,
  sickPostgres,
} from './server-troubles.ts';
import { untilCalm, type Trouble } from './trouble.ts';

/** How late an effect may come that we gave up: less than the settle times of `world.ts` cover. */
export const LATE_MS = 2_000;
/** Calls of one kind among which the faults fall. */
const CALLS = 15;

type Effect = string | object;
const LATE = { kind: 'apply-late', afterMs: LATE_MS };
const LYING = { kind: 'status', status: 500, apply: true };

/** `count` writes of both systems, at calls that the seed chooses, each effect at least once. */
function atWrites(random: Seeded, count: number, effects: readonly Effect[]): object[] {
  return Array.from({ length: count }, (_, n) => ({
    match: random.chance(0.25)
      ? { system: 'finance', method: 'POST' }
      : { system: 'erp', method: random.pick(['POST', 'PUT']) },
    nth: 1 + random.below(CALLS),
    effect: effects[n] ?? random.pick(effects),
  }));
}
/** A look that fails is not absence. */
function atLooks(random: Seeded): object[] {
  return ['reset-before', 'garbage', { kind: 'status', status: 500 }, 'hang'].map((effect) => ({
    match: { system: 'erp', method: 'GET', path: '^/sales-orders' },
    nth: 1 + random.below(8),
    effect,
  }));
}
const LOST = ['apply-and-never-answer', 'reset-after', 'garbage', 'truncated'];
const writes = (name: string, rows: string, effects: readonly Effect[], count = 20): Trouble => ({
  name,
  rows,
  losesAnswers: effects.some((each) => typeof each === 'string' && LOST.includes(each)),
  plan: (random) => [...atWrites(random, count, effects), ...atLooks(random)],
});

export const timeoutAfterApply = writes('applied, never answered', 'F43', ['apply-and-never-answer']);
export const lateApply = writes('applied after we gave up', 'F43', [LATE]);
export const resets = writes('connections reset', 'F44', ['reset-before', 'reset-after']);
export const lyingErrors = writes('500, applied or not', 'F45 F47', [
  { kind: 'status', status: 500 },
  LYING,
  { kind: 'status', status: 503, retryAfter: 1 },
]);
export const throttled = writes('429', 'F46', [
  { kind: 'status', status: 429, retryAfter: 1 },
  { kind: 'status', status: 429 },
]);
export const slow = writes('slow answers', 'F48', [
  { kind: 'slow', ms: 400 },
  { kind: 'slow', ms: 900 },
]);
export const garbage = writes('garbage with 200', 'F52', ['garbage', 'truncated']);
/** All kinds at least once. */
export const sickTargets = (count: number): Trouble =>
  writes(
    'sick targets',
    'F43-F48 F52',
    [
      'apply-and-never-answer',
      LATE,
      'reset-before',
      'reset-after',
      'garbage',
      'truncated',
      { kind: 'status', status: 500 },
      LYING,
      { kind: 'status', status: 503, retryAfter: 1 },
      { kind: 'status', status: 429, retryAfter: 1 },
      { kind: 'slow', ms: 400 },
    ],
    count,
  );
export const burst: Trouble = {
  name: '500 for a while',
  rows: 'F47',
  plan: () => [{ match: {}, times: 60, effect: { kind: 'status', status: 500 } }],
};
export const hungKey: Trouble = {
  name: 'one record hangs',
  rows: 'F48',
  plan: (_, key) => [{ match: { key: `^${key}$` }, effect: 'hang' }],
};

/** One thing after the other goes wrong on a way, each for a moment. */
function onTheWay(random: Seeded, proxy: TcpProxy, calm: AbortSignal): Promise<string[]> {
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
  return untilCalm(
    calm,
    () => 500 + random.below(1_000),
    async () => {
      const name = random.pick(Object.keys(faults));
      faults[name]!();
      await wait(100 + random.below(300), undefined, { signal: calm }).catch(() => {});
      proxy.heal();
      return name;
    },
  );
}

export const wayToTargets: Trouble = {
  name: 'way to the targets',
  rows: 'F43 F44',
  disturb: ({ toTargets }, random, calm) => onTheWay(random, toTargets, calm),
};
export const wayFromCrm: Trouble = {
  name: 'way from the CRM',
  rows: 'F02 F11',
  crmGivesUp: true,
  disturb: ({ toProduct }, random, calm) => onTheWay(random, toProduct, calm),
};

/** So long the targets refuse connections when the breakers have opened, and then as long take them and answer nothing, ms. */
const DOWN_MS = 30_000;
/** A process that has not yet read that the breaker is open may send for so long, ms. */
const UNAWARE_MS = 1_500;

/**
 * Both targets are away for a minute and more. The breakers open, and from then on no document is sent to find out: probes do that. So an
 * outage climbs no ladder, however long it is.
 */
export const down: Trouble = {
  name: 'down for 60 s',
  rows: 'F44 F48',
  async meanwhile({ url, toTargets }) {
    toTargets.down = true;
    toTargets.reset();
    try {
      await until(
        () => status(url),
        ({ connections }) => connections.filter(({ breaker }) => breaker === 'open').length >= 2,
        { within: 60_000, what: 'the breakers of both targets open' },
      );
      const opened = Date.now() + UNAWARE_MS;
      await wait(DOWN_MS);
      toTargets.down = false;
      toTargets.toServer = { swallow: true };
      await wait(DOWN_MS);
      const { waiting, attempts } = await until(
        () => attemptsSince(url, opened),
        () => true,
        { within: 60_000, what: 'the console tells the attempts' },
      );
      if (attempts.length > 0) throw new Error(`sent while the breaker was open: ${attempts.join(', ')}`);
      if (waiting === 0) throw new Error('nothing waited for the targets while they were down');
      return [`targets down, ${waiting} waited`];
    } finally {
      toTargets.heal();
      toTargets.reset();
    }
  },
};

interface Attempt {
  n: number;
  outcome: string;
  startedAt: string;
  errorClass?: string;
}

/** What waits, and which of its attempts began after `since`. One that our own door turned away has no error, and is none. */
async function attemptsSince(url: string, since: number): Promise<{ waiting: number; attempts: string[] }> {
  const found: string[] = [];
  let waiting = 0;
  let after = '';
  do {
    const { items, next } = await getJson<{ items: { id: string }[]; next?: string }>(
      `${url}/api/v1/deliveries?status=PENDING,IN_FLIGHT,UNKNOWN,RETRY_WAIT&limit=200${after}`,
    );
    waiting += items.length;
    const attempts = await Promise.all(items.map(({ id }) => attemptsOf(url, id, since)));
    found.push(...attempts.flat());
    after = next === undefined ? '' : `&after=${next}`;
  } while (after !== '');
  return { waiting, attempts: found };
}

async function attemptsOf(url: string, id: string, since: number): Promise<string[]> {
  const { attempts } = await getJson<{ attempts: Attempt[] }>(`${url}/api/v1/deliveries/${id}`);
  return attempts
    .filter(({ outcome, errorClass }) => outcome !== 'not-sent' || errorClass !== undefined)
    .filter(({ startedAt }) => Date.parse(startedAt) > since)
    .map(({ n, outcome, startedAt }) => `delivery ${id} attempt ${n} ${outcome} at ${startedAt}`);
}

export const SINGLE: readonly Trouble[] = [
  timeoutAfterApply,
  lateApply,
  resets,
  lyingErrors,
  burst,
  throttled,
  slow,
  garbage,
  hungKey,
  wayToTargets,
  down,
  wayFromCrm,
  postgresCrashes,
  postgresStandsStill,
  connectionsRunOut,
  frozenProcesses,
];
export const EVERYTHING: readonly Trouble[] = [
  hungKey,
  sickTargets(40),
  wayToTargets,
  wayFromCrm,
  frozenProcesses,
  sickPostgres,
];
