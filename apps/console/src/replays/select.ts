import type { Queryable } from '#db';
import { ProblemError } from '#platform';
import { readDeliveryFilter } from '../deliveries/filter.ts';
import { deliveryPage } from '../deliveries/page.ts';
import type { Names } from '../names.ts';

/** Most events of one replay: delivery appends them in one transaction. */
export const MOST_EVENTS = 1_000;

/** The events of the deliveries that a selection names, oldest first. Too many are refused: a replay that leaves some out would lie. */
export async function selectEvents(
  db: Queryable,
  selection: Readonly<Record<string, string | undefined>>,
  names: Names,
): Promise<string[]> {
  const filter = readDeliveryFilter({ ...selection, limit: '500' }, names);
  const events = new Set<string>();
  let after: bigint | undefined;
  do {
    const { rows, next } = await deliveryPage(db, { ...filter, after });
    for (const { event_id } of rows) events.add(event_id);
    after = next;
    if (events.size > MOST_EVENTS)
      throw new ProblemError(
        400,
        'CROSSDOCK_API_TOO_MANY',
        `more than ${MOST_EVENTS} events are selected: replay them in parts, by record or by status`,
      );
  } while (after !== undefined);
  return [...events].toReversed();
}
