import { setTimeout as wait } from 'node:timers/promises';
import { FINISHED } from '#contracts';
import { seeded, type Anomaly, type Seeded } from '#testing';
import { getJson, sendJson, until } from '../support/product.ts';
import { atRest, status } from '../support/records.ts';
import { effects, type Effect } from '../support/witness.ts';
import { reportsOf } from './collect.ts';
import { applied, killAtRandom, surprises, type RunResult } from './run.ts';
import { storyOf } from './story.ts';
import { LATE_MS, sickTargets } from './troubles.ts';
import type { World } from './world.ts';

/** A record of the sandbox CRM, with what it was told. */
export interface CrmRecord {
  id: string;
  version: number;
  syncStatus: string | null;
  erpNumber: string | null;
}

const ORDERS_OF_A_WAVE = 6;
/** The CRM's list ends there. */
const MOST_ORDERS = 480;

export const KINDS = [
  { list: 'customers', entity: 'customer', document: 'customer', made: 1 },
  { list: 'opportunities', entity: 'order', document: 'salesOrder', made: 2 }, // created, then won
] as const;

/**
 * There and back: the sandbox CRM makes orders while processes are killed and all three targets are sick, the CRM as one of
 * them. In the end each of its records has the number under which the ERP's own ledger knows it, has changed once by being
 * told, and what came back of that change has made no second document.
 */
export async function writtenBack(world: World, { seed, kills }: { seed: number; kills: number }): Promise<RunResult> {
  const { sandbox, url } = world;
  const random = seeded(seed);
  const targets = sickTargets(20);
  let busy = true;
  const killing = killAtRandom(world, seeded(seed + 50), kills).finally(() => (busy = false));
  const spoilt = { rules: 0, calls: 0 };
  const count = async (): Promise<void> => {
    const { rules, calls } = await applied(sandbox);
    spoilt.rules += rules;
    spoilt.calls += calls;
  };
  let orders = 0;
  const making = async (): Promise<void> => {
    for (let wave = 0; wave === 0 || (busy && orders + ORDERS_OF_A_WAVE <= MOST_ORDERS); wave++) {
      await count();
      await sendJson('PUT', `${sandbox}/faults`, [...atWriteBacks(random), ...(targets.plan?.(random, '') ?? [])]);
      await sendJson('POST', `${sandbox}/crm/generate`, { orders: ORDERS_OF_A_WAVE, seed: `s${seed}-${wave}` });
      orders += ORDERS_OF_A_WAVE;
      await wait(1_500);
    }
  };
  const [did] = await Promise.all([killing, making()]);
  await wait(3_000); // calm weather, sick targets
  await count();
  await sendJson('DELETE', `${sandbox}/faults`);
  const healedAt = performance.now();
  await until(() => status(url), atRest(), { within: 240_000, what: 'all is settled' }).catch(() => undefined);
  const recoveredAfterMs = Math.round(performance.now() - healedAt);
  await wait(LATE_MS + 500);

  const ledger = await effects(sandbox);
  const reports = await reportsOf(url, [], new Set());
  const unfinished = reports.filter((each) => !FINISHED.has(each.status));
  const anomalies: Anomaly[] = [
    ...(await Promise.all(
      KINDS.map(async (kind) =>
        (await getJson<CrmRecord[]>(`${sandbox}/crm/${kind.list}`)).flatMap((record) => judge(record, kind, ledger)),
      ),
    ).then((found) => found.flat())),
    ...unfinished.map(({ document, key, status: word, error = '' }) => ({
      class: 'STUCK' as const,
      where: `${document} ${key}`,
      evidence: `ends ${word} ${error}`,
    })),
    ...surprises(world),
  ];
  const story = await storyOf(url, seed, did, anomalies, unfinished);
  return {
    anomalies,
    story: `${orders} orders of the CRM, ${spoilt.rules} faults, recovered after ${recoveredAfterMs} ms\n${story}`,
    history: { events: [], effects: [], reports, counts: {}, natures: {} },
    tag: 'sb-',
    troubles: [targets],
    sent: orders,
    effects: ledger.length,
    faultsApplied: spoilt.rules,
    callsSpoilt: spoilt.calls,
    unfinished,
    idle: [],
    recoveredAfterMs,
  };
}

/** What goes wrong where the CRM is told: it takes it and never says so, late, or not at all. */
const atWriteBacks = (random: Seeded): object[] =>
  [
    'apply-and-never-answer',
    { kind: 'apply-late', afterMs: LATE_MS },
    'reset-after',
    'reset-before',
    'garbage',
    { kind: 'status', status: 500, apply: true },
    { kind: 'status', status: 503 },
  ].map((effect) => ({ match: { system: 'crm', method: 'PUT' }, nth: 1 + random.below(12), effect }));

/** One record of the CRM beside what the ERP's ledger says of it. */
export function judge(
  record: CrmRecord,
  { entity, document, made }: (typeof KINDS)[number],
  ledger: readonly Effect[],
): Anomaly[] {
  const key = `acme:${entity}:sb-${record.id}`;
  const where = `${document} ${key}`;
  const ofIt = ledger.filter((effect) => effect.key === key);
  const ids = new Set(ofIt.filter((effect) => effect.document === document).map(({ targetId }) => targetId));
  const creates = (of: string): number =>
    ofIt.filter((effect) => effect.document === of && effect.operation === 'create').length;
  const anomaly = (name: Anomaly['class'], evidence: string): Anomaly => ({ class: name, where, evidence });
  const told = `the CRM was told ${record.syncStatus} ${record.erpNumber}, version ${record.version}`;
  return [
    ...(ids.size === 0 ? [anomaly('LOST', `the ERP has none; ${told}`)] : []),
    ...(record.syncStatus === null ? [anomaly('LOST', `the CRM was never told; the ERP has ${[...ids].join()}`)] : []),
    ...(record.syncStatus !== null && (record.syncStatus !== 'SYNCED' || !ids.has(record.erpNumber ?? ''))
      ? [anomaly('LIE', `${told}; the ERP has ${[...ids].join()}`)]
      : []),
    ...(record.version > made + 1 ? [anomaly('DUP', `${told}: it changed more than once by that`)] : []),
    ...(ids.size > 1 || creates('salesOrder') > 1 || creates('journalEntry') > 1
      ? [anomaly('DUP', ofIt.map(({ n, operation, targetId }) => `#${n} ${operation} ${targetId}`).join(', '))]
      : []),
    ...(entity === 'order' && creates('journalEntry') === 0 ? [anomaly('LOST', 'finance has no entry')] : []),
  ];
}
