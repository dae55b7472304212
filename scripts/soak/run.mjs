// One soak: traffic, faults and samples side by side; then calm, the count of what took effect, and the table.
import { setTimeout as wait } from 'node:timers/promises';
import { Database } from '../../dist/libs/db/src/index.js';
import { sample, summary } from './samples.mjs';
import { traffic } from './traffic.mjs';
import { getJson, STAGES, startWorld, until } from './world.mjs';

const TARGET_FAULTS = [
  [{ match: { system: 'erp' }, effect: 'down' }],
  [{ match: { system: 'erp' }, effect: { kind: 'slow', ms: 400 } }],
  [{ match: { system: 'erp', method: 'POST' }, times: 30, effect: 'apply-and-never-answer' }],
  [{ match: { system: 'finance' }, times: 30, effect: { kind: 'status', status: 500 } }],
  [{ match: { system: 'erp' }, times: 50, effect: { kind: 'status', status: 429, retryAfter: 1 } }],
];

/** The exit code. */
export async function soak({ minutes, seed, rate }) {
  const random = mulberry(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const world = await startWorld();
  const stop = new AbortController();
  const samples = [];
  const did = new Map();
  let events = 0;
  const note = (what) => did.set(what, (did.get(what) ?? 0) + 1);
  const faults = async (rules) => {
    const answer = await fetch(`${world.sandbox}/faults`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(rules),
    });
    if (!answer.ok) throw new Error(`faults: ${answer.status} ${await answer.text()}`);
  };
  const pause = (ms) => wait(ms, undefined, { signal: stop.signal }).catch(() => {});
  const harm = {
    kill: async () => {
      const name = pick(STAGES);
      note(`kill -9 ${name}`);
      await world.restart(name);
    },
    freeze: async () => {
      const name = pick(STAGES);
      note(`freeze ${name}`);
      const { child } = world.stages.get(name);
      child.kill('SIGSTOP');
      await pause(2_000 + random() * 10_000);
      child.kill('SIGCONT');
    },
    target: async () => {
      const rules = pick(TARGET_FAULTS);
      note('target fault');
      await faults(rules);
      await pause(3_000 + random() * 7_000);
      await faults([]);
    },
    postgres: async () => {
      note('PostgreSQL crash');
      await world.crashPostgres();
    },
  };
  // Processes are killed during the first third only: what grows is told from what warms up by the long life that follows, with
  // all other harm going on. A killed process starts as small as a new one.
  const began = performance.now();
  const nemesis = async () => {
    while (!stop.signal.aborted) {
      await pause(5_000 + random() * 10_000);
      if (stop.signal.aborted) return;
      const killing = performance.now() - began < minutes * 20_000;
      await harm[pick([...(killing ? ['kill', 'kill'] : []), 'freeze', 'target', 'target', 'target', 'postgres'])]();
    }
  };
  const sampling = async () => {
    while (!stop.signal.aborted) {
      const database = await Database.open({ url: world.databaseUrl, name: 'soak', max: 1 }).catch(() => undefined);
      if (database) {
        const taken = await sample(world, database, events).catch(() => undefined);
        if (taken) samples.push(taken);
        await database.close().catch(() => {});
      }
      await pause(5_000);
    }
  };
  const sending = traffic({
    hook: () => `${world.stages.get('capture').url}/hooks/acme-crm`,
    secret: world.secret,
    rate,
    stop: stop.signal,
    on: () => events++,
  });
  const around = [nemesis(), sampling()];
  await wait(minutes * 60_000);
  stop.abort();
  await Promise.all(around);
  await faults([]);
  const taken = await sending;
  const calmAt = performance.now();
  const settled = await until(
    () => getJson(`${world.stages.get('console').url}/api/v1/status`),
    isSettled,
    240,
    'everything settles',
  ).catch((error) => error);
  const problems = settled instanceof Error ? [settled.message] : [];
  const recovered = (performance.now() - calmAt) / 1000;
  const database = await Database.open({ url: world.databaseUrl, name: 'soak', max: 1 });
  samples.push(await sample(world, database, events));
  await database.close();
  const { effects } = await getJson(`${world.sandbox}/ledger`);
  const created = effects
    .filter(({ operation, document }) => operation === 'create' && document === 'salesOrder')
    .map(({ key }) => key);
  const entries = effects.filter(({ document }) => document === 'journalEntry').map(({ key }) => key);
  for (const [what, keys] of [
    ['sales orders', created],
    ['journal entries', entries],
  ]) {
    if (new Set(keys).size !== keys.length) problems.push(`${keys.length - new Set(keys).size} ${what} twice`);
    if (new Set(keys).size !== taken.orders)
      problems.push(`${taken.orders - new Set(keys).size} of ${taken.orders} ${what} missing`);
  }
  for (const [name, code] of await world.close()) if (code !== 0) problems.push(`${name} ended with ${code}`);

  const { lines, broken } = summary(samples, minutes);
  const harmed = [...did].map(([what, count]) => `${what} x${count}`).join(', ');
  for (const line of [
    '',
    `${taken.events} events, ${taken.orders} orders, ${taken.repeats} repeats of the source; settled ${recovered.toFixed(1)} s after the last harm`,
    `harm: ${harmed}`,
    '',
    ...lines,
    '',
    ...[...problems, ...broken].map((problem) => `NOT GOOD: ${problem}`),
    problems.length + broken.length === 0 ? 'all bounded, nothing lost, nothing twice' : '',
  ])
    process.stdout.write(line + '\n');
  return problems.length + broken.length === 0 ? 0 : 1;
}

const isSettled = (status) =>
  status.capture.pending === 0 &&
  status.outbox.unpublished === 0 &&
  status.flows.every((flow) => flow.difference === 0 && Object.values(flow.unfinished).every((count) => count === 0));

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function mulberry(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
