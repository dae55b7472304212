import { setTimeout as wait } from 'node:timers/promises';
import { checkHistory, seeded, type Anomaly, type History, type Seeded } from '#testing';
import { sendJson, until, getJson } from '../support/product.ts';
import { settled, status } from '../support/records.ts';
import { collectHistory } from './collect.ts';
import { faultPlan, LATE_MS, nemesis } from './faults.ts';
import type { Version } from './records.ts';
import { storyOf } from './story.ts';
import { sendRecord, type Sender } from './sender.ts';
import type { World } from './world.ts';

export interface RunOptions {
  seed: number;
  customers: number;
  orders: number;
  /** of each record */
  versions: number;
  /** calls of the targets that go wrong; 0: the targets behave */
  targetFaults?: number;
  /** disturb the way to the targets while events come in */
  wayToTargets?: boolean;
  /** disturb the way from the CRM, which gives up on some of what it does not hear answered */
  wayFromCrm?: boolean;
  /** the CRM sends the versions of a record out of order */
  shuffled?: boolean;
  /** between two versions of a record pass 0 to so many ms; default 400 */
  paceMs?: number;
  /** so often, spread over the run */
  kills?: number;
}

export interface RunResult {
  anomalies: Anomaly[];
  /** all anomalies, the seed and what was done: what a failing test prints */
  story: string;
  history: History;
  faultsApplied: number;
}

/** Sends, disturbs, heals, waits, reads every witness, and compares. */
export async function run(world: World, options: RunOptions): Promise<RunResult> {
  const random = seeded(options.seed);
  const records = recordsOf(random, options);
  const sent = records.flat();
  const sandbox = world.product().sandbox;
  const plan = options.targetFaults
    ? faultPlan(random, options.targetFaults, 15, `acme:order:acme-o${random.below(options.orders)}`)
    : [];
  await sendJson('PUT', `${sandbox}/faults`, plan);

  const calm = new AbortController();
  const disturbing = [
    options.wayToTargets ? nemesis(seeded(options.seed + 1), world.toTargets, calm.signal) : [],
    options.wayFromCrm ? nemesis(seeded(options.seed + 2), world.toProduct, calm.signal) : [],
  ];
  let answered = 0;
  const sender = senderOf(world, random, options, sent, () => answered++);
  const pace = options.paceMs ?? 400;
  const sending = Promise.all(records.map((each, n) => sendRecord(sender, each, pace, options.seed + 10 + n)));
  const kills = options.kills ?? 0;
  const killing = async (): Promise<void> => {
    for (let kill = 1; kill <= kills; kill++) {
      const share = (sent.length * kill) / (kills + 1);
      await until(
        () => Promise.resolve(answered),
        (so) => so >= share,
        { within: 90_000, what: `events for kill ${kill}` },
      );
      await world.killAndRestart();
    }
  };
  const [events] = await Promise.all([sending, killing()]).finally(() => calm.abort());
  const did = await Promise.all(disturbing);

  // calm weather, sick targets: most calls that were to go wrong still have to be made
  const applied = async (): Promise<number> => {
    const { rules } = await getJson<{ rules: { applied: number }[] }>(`${sandbox}/faults`);
    return rules.filter((rule) => rule.applied > 0).length;
  };
  await until(applied, (so) => so >= plan.length / 4, { within: 20_000, what: 'the faults' }).catch(() => undefined);
  const faultsApplied = await applied();
  await sendJson('DELETE', `${sandbox}/faults`);
  world.toTargets.heal();
  world.toProduct.heal();
  const healedAt = performance.now();
  await wait(LATE_MS + 500); // what was to come late has come
  // who does not settle is judged by the checker, with its evidence
  await until(() => status(world.product().url), settled, { within: 60_000, what: 'all is settled' }).catch(
    () => undefined,
  );
  const recoveredAfterMs = Math.round(performance.now() - healedAt);
  const history = await collectHistory(world.product(), events.flat(), sent);
  const anomalies = checkHistory(history);
  const told = await storyOf(world.product().url, options.seed, did.flat(), anomalies);
  const story = `${faultsApplied} faults, recovered after ${recoveredAfterMs} ms\n${told}`;
  return {
    anomalies,
    story,
    history,
    faultsApplied,
  };
}

function recordsOf(random: Seeded, { customers, orders, versions, shuffled }: RunOptions): Version[][] {
  const numbers = (): number[] => {
    const list = Array.from({ length: versions }, (_, n) => n + 1);
    if (shuffled)
      for (let n = list.length - 1; n > 0; n--) {
        const other = random.below(n + 1);
        [list[n], list[other]] = [list[other]!, list[n]!];
      }
    return list;
  };
  const customer = (n: number): Version[] => numbers().map((version) => ({ entity: 'customer', id: `c${n}`, version }));
  const order = (n: number): Version[] =>
    numbers().map((version) => ({ entity: 'order', id: `o${n}`, version, customerId: `c${n % customers}` }));
  return [
    ...Array.from({ length: customers }, (_, n) => customer(n)),
    ...Array.from({ length: orders }, (_, n) => order(n)),
  ];
}

/** One in twenty is refused; where answers get lost, one in ten is given up after the first that is. */
function senderOf(
  world: World,
  random: Seeded,
  options: RunOptions,
  sent: readonly Version[],
  answered: () => void,
): Sender {
  const some = (probability: number): ReadonlySet<Version> => new Set(sent.filter(() => random.chance(probability)));
  const refused = some(0.05);
  const givenUp = some(options.wayFromCrm ? 0.1 : 0);
  return {
    hook: `http://127.0.0.1:${world.toProduct.port}/hooks/acme-crm`,
    secret: world.secret,
    answered,
    refused: (version) => refused.has(version),
    patience: (version) => (givenUp.has(version) ? 1 : Infinity),
  };
}
