import type { Json } from '#schema';
import type { Mapped } from './normalise.ts';

/** Mappings of sources' own shapes to canonical records, by connection and entity. */
export interface Mappings {
  /** undefined where a connection sends the entity as we know it */
  find(connection: string, entity: string): ((record: Json) => Mapped) | undefined;
}

export const NO_MAPPINGS: Mappings = { find: () => undefined };
