import type { Anomaly, AnomalyClass, WitnessedEffect } from './history.ts';
import { placeOf, standingAfter, takesBack, witnessed, type Lane } from './lane.ts';

/** What the target's ledger shows by itself, against what was sent: PHANTOM, TORN, DUP, REORDER. */
export function checkEffects(lane: Lane): Anomaly[] {
  return lane.effects.flatMap((effect, index) => {
    const before = lane.effects.slice(0, index);
    return phantomOrTorn(lane, effect) ?? [...duplicate(lane, effect, before), ...reordered(lane, effect, before)];
  });
}

function phantomOrTorn(lane: Lane, effect: WitnessedEffect): Anomaly[] | undefined {
  const found = (name: AnomalyClass, why: string): Anomaly[] => [
    { class: name, where: placeOf(lane), evidence: `${why}; ${witnessed(lane)}` },
  ];
  if (lane.expected.size === 0) return found('PHANTOM', `${effect.at} is for a record that nobody sent`);
  const sent = effect.version === null ? undefined : lane.expected.get(effect.version);
  if (sent === undefined) {
    if (effect.version === null) return found('TORN', `${effect.at} holds no version that was sent`);
    return found('PHANTOM', `${effect.at} is version ${effect.version}, which nobody sent`);
  }
  if (sent.answer === 'refused') return found('PHANTOM', `${effect.at} is version ${sent.version}, which was refused`);
  if (effect.operation === 'cancel' && sent.content !== null)
    return found('PHANTOM', `${effect.at} cancels by version ${sent.version}, which was not withdrawn`);
  if (takesBack(effect)) return undefined; // a reversal is held against what stands
  if (sent.content === null) return found('PHANTOM', `${effect.at} is version ${sent.version}, which sends nothing`);
  if (sent.content !== effect.content)
    return found(
      'TORN',
      `${effect.at} should hold "${sent.content}" as version ${sent.version}, holds "${effect.content}"`,
    );
  return undefined;
}

/** A second create is a second document, whatever its version, unless each version is a document of its own. */
function duplicate(lane: Lane, effect: WitnessedEffect, before: readonly WitnessedEffect[]): Anomaly[] {
  if (lane.nature === 'reversal') return outOfTurn(lane, effect, before);
  const first = before.find(
    ({ operation, version }) =>
      operation === 'create' && effect.operation === 'create' && (lane.nature !== 'each' || version === effect.version),
  );
  if (first !== undefined) return [named('DUP', lane, `${effect.at} creates again what ${first.at} created`)];
  // An operation that sets the full state may be repeated in doubt: the same effect. But never without an attempt on record.
  const same = before.filter(({ version }) => version !== null && version === effect.version).length + 1;
  const report = lane.reports.find(({ version }) => version === effect.version);
  if (report?.attempts === undefined || same <= report.attempts) return [];
  return [
    named('DUP', lane, `${effect.at} is effect ${same} of version ${effect.version}, by ${report.attempts} attempts`),
  ];
}

/** Posting and taking back alternate, and what is taken back is what stands. */
function outOfTurn(lane: Lane, effect: WitnessedEffect, before: readonly WitnessedEffect[]): Anomaly[] {
  const standing = standingAfter(before);
  if (!takesBack(effect))
    return standing === undefined ? [] : [named('DUP', lane, `${effect.at} is posted while ${standing.at} stands`)];
  if (standing === undefined) return [named('DUP', lane, `${effect.at} takes back, and nothing stands`)];
  if (standing.content === effect.content) return [];
  return [named('TORN', lane, `${effect.at} should take back "${standing.content}", takes back "${effect.content}"`)];
}

function reordered(lane: Lane, effect: WitnessedEffect, before: readonly WitnessedEffect[]): Anomaly[] {
  const newer = before.find((other) => comesAfter(other, effect));
  if (newer === undefined) return [];
  return [
    named('REORDER', lane, `${effect.at} is version ${effect.version} after version ${newer.version} (${newer.at})`),
  ];
}

/** Within a version what stood is taken back first: no version takes back its own. */
function comesAfter(one: WitnessedEffect, other: WitnessedEffect): boolean {
  if (one.version === null || other.version === null) return false;
  return one.version > other.version || (one.version === other.version && !takesBack(one) && takesBack(other));
}

const named = (name: AnomalyClass, lane: Lane, why: string): Anomaly => ({
  class: name,
  where: placeOf(lane),
  evidence: `${why}; ${witnessed(lane)}`,
});
