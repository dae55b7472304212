import { FINISHED } from '#contracts';

/** The predicate of the partial indexes on `delivery`, word for word, so that the planner sees that they apply. */
export const UNFINISHED = `status not in (${[...FINISHED].map((status) => `'${status}'`).join(', ')})`;
