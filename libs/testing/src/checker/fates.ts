import { FINISHED, STUCK } from '#contracts';
import type { Anomaly, AnomalyClass, ReportedDelivery, WitnessedEffect } from './history.ts';
import { placeOf, standingAfter, takesBack, witnessed, type Expected, type Lane } from './lane.ts';

/** What became of each version that was sent, by what the product says and what the target has: LOST, SKIP, STUCK, LIE. */
export function checkFates(lane: Lane, lanes: readonly Lane[]): Anomaly[] {
  const unsent = lane.reports.filter(({ version }) => !lane.expected.has(version));
  return [
    ...[...lane.expected.values()].flatMap((expected) => fate(lane, expected, lanes)),
    ...unsent.map((report) =>
      named(lane, 'LIE', `shows version ${report.version} as ${report.status}, and nobody sent it`),
    ),
  ];
}

function fate(lane: Lane, expected: Expected, lanes: readonly Lane[]): Anomaly[] {
  const found = (name: AnomalyClass, why: string): Anomaly[] => [
    named(lane, name, `version ${expected.version} ${why}`),
  ];
  const reports = lane.reports.filter(({ version, flow }) => version === expected.version && flow === expected.flow);
  const [report, another] = reports;
  const effects = lane.effects.filter(({ version }) => version === expected.version);
  if (another !== undefined) return found('LIE', `is shown ${reports.length} times`);
  if (expected.answer === 'refused')
    return report === undefined ? [] : found('LIE', `was refused, and is shown as ${report.status}`);
  if (report === undefined) {
    if (effects.length > 0) return found('LIE', 'took effect, and is not shown');
    return expected.answer === 'unknown' ? [] : found('LOST', 'was accepted, and is not shown');
  }
  if (FINISHED.has(report.status))
    return finished(lane, expected, report, effects).flatMap(([name, why]) => found(name, why));
  return unfinished(lane, expected, report, isDone(expected, effects), lanes).flatMap(([name, why]) =>
    found(name, why),
  );
}

/** Taking back what was posted before is not yet to post one's own; of what was withdrawn it is all there is to do. */
const isDone = ({ content }: Expected, effects: readonly WitnessedEffect[]): boolean =>
  effects.some((effect) => takesBack(effect) === (content === null));

type Found = readonly [AnomalyClass, string][];

function finished(
  lane: Lane,
  expected: Expected,
  report: ReportedDelivery,
  effects: readonly WitnessedEffect[],
): Found {
  const { status } = report;
  const tookEffect = effects.length > 0;
  const newer = lane.effects.find(({ version }) => version !== null && version > expected.version);
  switch (status) {
    case 'DELIVERED':
      return isDone(expected, effects) ? [] : [['LOST', 'is shown as DELIVERED, and never took effect']];
    case 'SKIPPED_NOCHANGE': {
      if (tookEffect) return [['LIE', 'is shown as SKIPPED_NOCHANGE, and took effect']];
      const held = lane.nature === 'once' ? standingAfter(lane.effects) : heldBefore(lane, expected.version);
      return held?.content === expected.content
        ? []
        : [
            [
              'LIE',
              `is shown as SKIPPED_NOCHANGE, and should have changed "${held?.content ?? 'nothing'}" to "${expected.content}"`,
            ],
          ];
    }
    case 'RESOLVED_SUPERSEDED':
    case 'SKIPPED_STALE':
      if (tookEffect) return [['LIE', `is shown as ${status}, and took effect`]];
      if (newer !== undefined || reachedByNoChange(lane, expected.version)) return [];
      return [['LOST', `is shown as ${status}, and no newer version took effect`]];
    case 'IGNORED': {
      if (expected.content !== null) return [['LOST', 'is shown as IGNORED, and should have been sent']];
      const held = heldBefore(lane, expected.version);
      return held === undefined
        ? []
        : [['LIE', `is shown as IGNORED, and should have taken back "${held.content}" (${held.at})`]];
    }
    default: // RESOLVED_MANUAL, CANCELLED: a person said so
      return tookEffect && status === 'CANCELLED' ? [['LIE', 'is shown as CANCELLED, and took effect']] : [];
  }
}

/** What the target had when this version came. */
const heldBefore = (lane: Lane, before: number): WitnessedEffect | undefined =>
  standingAfter(lane.effects.filter(({ version }) => version !== null && version < before));

/** A newer version may also stand for an older one by being what the target holds already. */
const reachedByNoChange = (lane: Lane, version: number): boolean =>
  lane.reports.some(
    (other) => other.version > version && (other.status === 'SKIPPED_NOCHANGE' || other.status === 'IGNORED'),
  );

function unfinished(
  lane: Lane,
  expected: Expected,
  report: ReportedDelivery,
  tookEffect: boolean,
  lanes: readonly Lane[],
): Found {
  const { status } = report;
  const newer = lane.effects.find(({ version }) => version !== null && version > expected.version);
  if (!tookEffect && waitsForAnswer(lane, report)) return [];
  if (newer !== undefined && !tookEffect)
    return [['SKIP', `is ${status}, and version ${newer.version} took effect past it (${newer.at})`]];
  if (status === 'DEAD' && tookEffect) return [['LIE', 'is shown as DEAD, and took effect']];
  if (STUCK.has(status)) return [];
  if (status === 'HELD_DEPENDENCY') {
    const there = lanes.find(({ key, effects }) => key === report.waitingFor && effects.length > 0);
    return there === undefined ? [] : [['STUCK', `waits for ${there.key}, which is there`]];
  }
  if (status.startsWith('HELD_')) return [];
  // behind a head that waits for a person, waiting is right; a state lane has no head: its newest version is tried
  const head = lane.reports.find(
    (other) => other.version < report.version && (STUCK.has(other.status) || other.status.startsWith('HELD_')),
  );
  if (head !== undefined && (lane.nature !== 'state' || head.status === 'PARKED')) return [];
  return [['STUCK', `is ${status}, and nothing holds it`]];
}

/**
 * Of a state the newest version is tried, and what it passed waits until it is known to have taken effect. Parked it is not known, whatever
 * the target's ledger says: a person has to look.
 */
const waitsForAnswer = (lane: Lane, { version, status }: ReportedDelivery): boolean =>
  lane.nature === 'state' &&
  status !== 'UNKNOWN' &&
  status !== 'IN_FLIGHT' &&
  lane.reports.some((other) => other.version > version && other.status === 'PARKED');

const named = (lane: Lane, name: AnomalyClass, why: string): Anomaly => ({
  class: name,
  where: placeOf(lane),
  evidence: `${why}; ${witnessed(lane)}`,
});
