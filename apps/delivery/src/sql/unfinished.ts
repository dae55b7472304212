/** The predicate of the partial indexes on `delivery`, word for word, so that the planner sees that they apply. */
export const UNFINISHED = 'ended is null';
