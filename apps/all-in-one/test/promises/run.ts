import { setTimeout as wait } from 'node:timers/promises';
import { FINISHED } from '#contracts';
import { checkHistory, seeded, type Anomaly, type History, type Seeded } from '#testing';
import { getJson, sendJson, until } from '../support/product.ts';
import { atRest, status } from '../support/records.ts';
import { collectHistory, type Reported } from './collect.ts';
import { keyOf, type Version } from './records.ts';
import { sendRecord, type Sender } from './sender.ts';
import { storyOf } from './story.ts';
import type { Trouble } from './trouble.ts';
import { LATE_MS } from './troubles.ts';
import type { World } from './world.ts';

export interface RunOptions {
  seed: number;
  customers: number;
  orders: number;
  /** of each record */
  versions: number;
  /** what goes wrong, all at once */
  troubles?: readonly Trouble[];
  /** the CRM sends the versions of a record out of order */
  shuffled?: boolean;
  /** of what is sent, so much is signed with another secret; default 0.05 */
  refused?: number;
  /** between two versions of a record pass 0 to so many ms; default 400 */
  paceMs?: number;
  /** so often a process is killed and started again */
  kills?: number;
  /** so long it may take to settle when everything is healed, ms; default four minutes: a rung of the retry ladder may lie in between */
  settlesWithinMs?: number;
  /** the targets stay sick to the end, and do what they do late within so many ms */
  sickForMs?: number;
  /** done to the product while events come in; resolves with what it did */
  meanwhile?(world: World): Promise<string[]>;
}

export interface RunResult {
  anomalies: Anomaly[];
  /** all anomalies, the seed and what was done: what a failing test prints */
  story: string;
  /** of the whole world */
  history: History;
  /** ids of the records of this run begin with it */
  tag: string;
  troubles: readonly Trouble[];
  sent: number;
  effects: number;
  /** rules of the plan that met a call */
  faultsApplied: number;
  callsSpoilt: number;
  /** deliveries of this run that are not finished; `gates.ts` says which of them may be */
  unfinished: readonly Reported[];
  /** troubles on the ways or of the servers that did nothing */
  idle: readonly string[];
  recoveredAfterMs: number;
}

/**
 * Sends, disturbs, heals, waits, reads every witness, and compares. One wave of records, and more of them for as long as
 * something is still to be done to the product meanwhile.
 */
export async function run(world: World, options: RunOptions): Promise<RunResult> {
  const { chronicle, sandbox, url } = world;
  const random = seeded(options.seed);
  const tag = chronicle.nextTag();
  const calm = new AbortController();
  const troubles = options.troubles ?? [];
  const disturbing = Promise.all(
    troubles.map(async (each, n) => each.disturb?.(world, seeded(options.seed + 1 + n), calm.signal)),
  );
  const harm = Promise.all([
    killAtRandom(world, seeded(options.seed + 50), options.kills ?? 0),
    options.meanwhile?.(world),
    ...troubles.map(async (each, n) => each.meanwhile?.(world, seeded(options.seed + 1 + n))),
  ]);
  disturbing.catch(() => {}); // heard when it is waited for
  let busy = true;
  const harmed = harm.finally(() => (busy = false));
  let sent = 0;
  let faultsApplied = 0;
  let callsSpoilt = 0;
  let planned = 0;
  const count = async (): Promise<void> => {
    const { rules, calls } = await applied(sandbox);
    faultsApplied += rules;
    callsSpoilt += calls;
  };
  const sending = async (): Promise<void> => {
    do {
      const wave = recordsOf(random, `${tag}w${sent}-`, options);
      const hung = keyOf(random.pick(wave)[0]!);
      const plan = troubles.flatMap((trouble) => trouble.plan?.(random, hung) ?? []);
      await count();
      planned = plan.length;
      await sendJson('PUT', `${sandbox}/faults`, plan);
      sent += wave.flat().length;
      chronicle.sent.push(...wave.flat());
      const sender = senderOf(world, random, options, wave.flat());
      const pace = options.paceMs ?? 400;
      const seed = options.seed + 100;
      const events = await Promise.all(wave.map((each, n) => sendRecord(sender, each, pace, seed + n)));
      chronicle.events.push(...events.flat());
    } while (busy);
  };
  const [did] = await Promise.all([harmed, sending()]).finally(() => {
    calm.abort();
    busy = false;
  });
  const disturbed = await disturbing;

  // calm weather, sick targets: most calls that were to go wrong still have to be made
  await until(
    () => applied(sandbox),
    ({ rules }) => rules >= planned / 4,
    { within: 20_000, what: 'the faults' },
  ).catch(() => undefined);
  const healTargets = async (): Promise<void> => {
    await count();
    await sendJson('DELETE', `${sandbox}/faults`);
  };
  if (options.sickForMs === undefined) await healTargets();
  world.toTargets.heal();
  world.toProduct.heal();
  const healedAt = performance.now();
  // who does not settle is judged by the checker, with its evidence
  const within = options.settlesWithinMs ?? 240_000;
  await until(() => status(url), atRest(), { within, what: 'all is settled' }).catch(() => undefined);
  const recoveredAfterMs = Math.round(performance.now() - healedAt);
  if (options.sickForMs !== undefined) await healTargets();
  await wait(Math.max(0, (options.sickForMs ?? LATE_MS) + 500 - recoveredAfterMs)); // what was to come late has come
  const history = await collectHistory(world);
  const found = [...checkHistory(history), ...holdsWithoutEnd(history.reports)];
  const anomalies = [...chronicle.fresh(found), ...surprises(world)];
  const mine = ({ key }: { key: string }): boolean => key.includes(`:acme-${tag}w`);
  const unfinished = history.reports.filter((each) => mine(each) && !FINISHED.has(each.status));
  const done = [...did, ...disturbed].flatMap((each) => each ?? []);
  const story = await storyOf(url, options.seed, done, anomalies, unfinished);
  return {
    anomalies,
    story: `${sent} events, ${faultsApplied} faults, recovered after ${recoveredAfterMs} ms\n${story}`,
    history,
    tag,
    troubles,
    sent,
    effects: history.effects.filter(mine).length,
    faultsApplied,
    callsSpoilt,
    unfinished,
    idle: troubles.filter((_, n) => disturbed[n]?.length === 0).map(({ name }) => name),
    recoveredAfterMs,
  };
}

/** How many rules of the plan have met a call, and how many calls. */
export async function applied(sandbox: string): Promise<{ rules: number; calls: number }> {
  const { rules } = await getJson<{ rules: { applied: number }[] }>(`${sandbox}/faults`);
  return {
    rules: rules.filter((rule) => rule.applied > 0).length,
    calls: rules.reduce((total, rule) => total + rule.applied, 0),
  };
}

/** Some process is killed, comes back, and a moment later the next one is. */
export async function killAtRandom(world: World, random: Seeded, kills: number): Promise<string[]> {
  const did: string[] = [];
  for (let kill = 1; kill <= kills; kill++) {
    await wait(300 + random.below(1_200));
    const part = random.pick(world.parts);
    did.push(`${part.name} killed`);
    await part.kill();
    await part.start();
  }
  return did;
}

/** A hold that does not say which record it waits for can be ended by nobody, and judged by nobody. */
const holdsWithoutEnd = (reports: readonly Reported[]): Anomaly[] =>
  reports
    .filter(({ status, waitingFor }) => status === 'HELD_DEPENDENCY' && waitingFor === undefined)
    .map(({ document, key, version }) => ({
      class: 'STUCK',
      where: `${document} ${key}`,
      evidence: `version ${version} is HELD_DEPENDENCY, and for which record cannot be read`,
    }));

/** P7: nothing ends by itself and has to be started again. */
export const surprises = ({ parts }: World): Anomaly[] =>
  parts.flatMap(({ name, surprise }) =>
    surprise === undefined ? [] : [{ class: 'STUCK' as const, where: name, evidence: surprise }],
  );

/** One in so many orders is cancelled by its last version. */
const WITHDRAWN = 4;

function recordsOf(random: Seeded, tag: string, { customers, orders, versions, shuffled }: RunOptions): Version[][] {
  const numbers = (): number[] => {
    const list = Array.from({ length: versions }, (_, n) => n + 1);
    if (shuffled)
      for (let n = list.length - 1; n > 0; n--) {
        const other = random.below(n + 1);
        [list[n], list[other]] = [list[other]!, list[n]!];
      }
    return list;
  };
  const customer = (n: number): Version[] =>
    numbers().map((version) => ({ entity: 'customer', id: `${tag}c${n}`, version }));
  const order = (n: number): Version[] =>
    numbers().map((version) => ({
      entity: 'order',
      id: `${tag}o${n}`,
      version,
      customerId: `${tag}c${n % customers}`,
      withdrawn: n % WITHDRAWN === 0 && version === versions && version > 1,
    }));
  return [
    ...Array.from({ length: customers }, (_, n) => customer(n)),
    ...Array.from({ length: orders }, (_, n) => order(n)),
  ];
}

/** One in twenty is refused; where answers get lost, one in ten is given up after the first that is. */
function senderOf(world: World, random: Seeded, options: RunOptions, sent: readonly Version[]): Sender {
  const some = (probability: number): ReadonlySet<Version> => new Set(sent.filter(() => random.chance(probability)));
  const refused = some(options.refused ?? 0.05);
  const givenUp = some(options.troubles?.some(({ crmGivesUp }) => crmGivesUp) ? 0.1 : 0);
  return {
    hook: `${world.hooks}/acme-crm`,
    secret: world.secret,
    refused: (version) => refused.has(version),
    patience: (version) => (givenUp.has(version) ? 1 : Infinity),
  };
}
