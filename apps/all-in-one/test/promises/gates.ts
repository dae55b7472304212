import type { Reported } from './collect.ts';
import type { RunResult } from './run.ts';

/** `A B`: every operation can be repeated safely or looked up. `A C`: creates of orders and postings can be neither. */
export type Tiers = 'A B' | 'A C';

/**
 * Why a delivery may end unfinished, by rule. All else that waits for a person when everything is healed is a document that the
 * product gave up: that is no anomaly to the checker, which cannot know what a target is able to do, and no progress either.
 */
const BY_RULE: readonly { why: string; covers(delivery: Reported, tiers: Tiers, result: RunResult): boolean }[] = [
  {
    why: 'tier C: sent and not answered, and can be neither repeated nor looked up',
    covers: ({ status, errorClass, document }, tiers) =>
      tiers === 'A C' && status === 'PARKED' && errorClass === 'UNKNOWN_OUTCOME' && document !== 'customer',
  },
  {
    why: 'waits for a record of which nothing was accepted',
    covers: ({ status, waitingFor }, _, { history }) =>
      status === 'HELD_DEPENDENCY' &&
      waitingFor !== undefined &&
      history.events.every(({ key, answer }) => key !== waitingFor || answer !== 'accepted'),
  },
];

/** How many of each are named. */
const NAMED = 10;

/** Of this run: what the product does not go on with by itself and should have finished. */
export const givenUp = (result: RunResult, tiers: Tiers = 'A B'): Reported[] =>
  result.unfinished.filter(
    (each) => waitsForSomebody(each) && !BY_RULE.some(({ covers }) => covers(each, tiers, result)),
  );

/** What is on its way, or behind one of these, is for the checker: STUCK. */
const waitsForSomebody = ({ status }: Reported): boolean =>
  status === 'PARKED' || status === 'DEAD' || status.startsWith('HELD_');

/** How many deliveries of this run ended so. */
export const endedAs = ({ unfinished }: RunResult, word: 'PARKED' | 'DEAD' | 'HELD_'): number =>
  unfinished.filter(({ status }) => status.startsWith(word)).length;

/**
 * What a run has to show besides that nothing went wrong: that the harm was done, that the targets have something, and that
 * everything was finished but for what waits by rule. Empty: it has.
 */
export function missingOf(result: RunResult, tiers: Tiers): string[] {
  const { troubles } = result;
  const left = givenUp(result, tiers);
  const spoils = troubles.some(({ plan }) => plan !== undefined);
  const loses = tiers === 'A C' && troubles.some(({ losesAnswers }) => losesAnswers);
  return [
    ...left.slice(0, NAMED).map(inWords),
    ...(left.length > NAMED ? [`${left.length - NAMED} more were given up`] : []),
    ...(result.effects === 0 ? ['nothing took effect'] : []),
    ...(spoils && result.callsSpoilt === 0 ? ['no call of a target went wrong'] : []),
    ...result.idle.map((name) => `"${name}" did nothing`),
    ...(loses && endedAs(result, 'PARKED') === 0 ? ['answers were lost in tier C, and nothing is parked'] : []),
  ];
}

const inWords = ({ document, key, version, status, errorClass, error }: Reported): string =>
  [`${document} ${key} v${version} ends ${status}`, errorClass, error].filter((word) => word !== undefined).join(', ');
