import type { DocumentDeclaration } from '#contracts';
import type { Delivery, Lane } from './lane.ts';
import { compareVersions } from './version.ts';

/** What a claimed lane has to do next. `dueAt: null` means: nothing until something wakes it. */
export type Choice =
  { do: 'resolve'; delivery: Delivery } | { do: 'try'; delivery: Delivery } | { do: 'wait'; dueAt: Date | null };

/**
 * Picks the one delivery of a lane that may be worked on.
 *
 * - an open doubt stops everything else of the lane
 * - `state`: the newest waiting version, markers included; never past a parked newer one, nor past any that a restore has left
 *   for a person because it may be at the target: that is a doubt without an attempt
 * - `fact`: strictly the oldest unfinished; held, parked or dead it stops the lane
 *
 * `open` holds at least those of the lane's unfinished deliveries that the load statement hands over.
 */
export function choose(
  lane: Lane,
  open: readonly Delivery[],
  nature: DocumentDeclaration['nature'],
  now: Date,
): Choice {
  if (lane.doubt !== null) {
    const doubtful = open.find((delivery) => delivery.id === lane.doubt);
    if (doubtful === undefined) return { do: 'wait', dueAt: null };
    return { do: 'resolve', delivery: doubtful };
  }
  if (open.some(mayBeThere)) return { do: 'wait', dueAt: null };
  const head = nature === 'state' ? newest(open) : oldest(open);
  if (head === undefined || !mayStart(head)) return { do: 'wait', dueAt: null };
  if (head.flowPaused) return { do: 'wait', dueAt: null };
  if (head.nextAttemptAt !== null && head.nextAttemptAt > now) return { do: 'wait', dueAt: head.nextAttemptAt };
  return { do: 'try', delivery: head };
}

/** What `crossdock restore accept` holds, because it can be neither repeated nor looked up. */
export const mayBeThere = ({ status, errorClass }: Delivery): boolean =>
  status === 'HELD_REVIEW' && errorClass === 'UNKNOWN_OUTCOME';

/** Why nothing but the word of whoever looked changes it. */
export const LOOK_THERE = 'it may be at the target since before the restore: look there, then resolve or retry it';

/** These start only where the settle gave them a time: the hourly try of what may heal by itself, a closed period included. */
function mayStart(delivery: Delivery): boolean {
  if (delivery.status === 'PENDING' || delivery.status === 'RETRY_WAIT') return true;
  return (delivery.status === 'PARKED' || delivery.status === 'HELD_PERIOD') && delivery.nextAttemptAt !== null;
}

const CONTENDERS = new Set(['PENDING', 'RETRY_WAIT', 'HELD_PERIOD', 'PARKED']);

function newest(open: readonly Delivery[]): Delivery | undefined {
  let found: Delivery | undefined;
  for (const delivery of open) {
    if (!CONTENDERS.has(delivery.status)) continue;
    if (found === undefined || compareVersions(delivery.version, found.version) > 0) found = delivery;
  }
  return found;
}

function oldest(open: readonly Delivery[]): Delivery | undefined {
  let found: Delivery | undefined;
  for (const delivery of open)
    if (found === undefined || delivery.version.aggregate < found.version.aggregate) found = delivery;
  return found;
}
