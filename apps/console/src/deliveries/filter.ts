import { DELIVERY_STATUSES, didYouMean, ERROR_CLASSES, FINISHED, recordKey, type DeliveryStatus } from '#contracts';

import { afterOf, badFilter, limitOf, readQuery, type Query } from '../api/query.ts';
import type { Names } from '../names.ts';

export interface DeliveryFilter {
  flow?: string;
  target?: string;
  statuses?: DeliveryStatus[];
  errorClass?: string;
  /** record keys; any of them */
  keys?: string[];
  entity?: string;
  recordId?: string;
  after?: bigint;
  limit: number;
}

const NAMES = ['flow', 'target', 'status', 'errorClass', 'key', 'entity', 'recordId', 'after', 'limit'] as const;

const HELD = DELIVERY_STATUSES.filter((status) => status.startsWith('HELD_'));
/** Words that stand for several statuses. */
const GROUPS: Readonly<Record<string, readonly DeliveryStatus[]>> = {
  HELD,
  FINISHED: DELIVERY_STATUSES.filter((status) => FINISHED.has(status)),
  UNFINISHED: DELIVERY_STATUSES.filter((status) => !FINISHED.has(status)),
};

/** The query of `GET /api/v1/deliveries`; throws problem documents for what is not understood. */
export function readDeliveryFilter(query: Query, names: Names): DeliveryFilter {
  const given = readQuery(query, NAMES);
  if (given.flow !== undefined) names.flow(given.flow);
  if (given.target !== undefined) names.target(given.target);
  if (given.entity !== undefined) names.entity(given.entity);
  return {
    flow: given.flow,
    target: given.target,
    statuses: given.status === undefined ? undefined : statusesOf(given.status),
    errorClass: given.errorClass === undefined ? undefined : errorClassOf(given.errorClass),
    keys: keysOf(given, names),
    entity: given.entity,
    recordId: given.recordId,
    after: afterOf(given.after),
    limit: limitOf(given.limit),
  };
}

/** One status, several separated by commas, or `held`, `finished`, `unfinished`; case does not matter. */
export function statusesOf(text: string): DeliveryStatus[] {
  const known = [...DELIVERY_STATUSES, ...Object.keys(GROUPS)];
  return text.split(',').flatMap((part): readonly DeliveryStatus[] => {
    const word = part.trim().toUpperCase();
    if (word in GROUPS) return GROUPS[word]!;
    if (DELIVERY_STATUSES.includes(word as DeliveryStatus)) return [word as DeliveryStatus];
    throw badFilter(`"${part}" is no status; ${didYouMean(word, known) ?? `there are: ${known.join(', ')}`}`);
  });
}

function errorClassOf(text: string): string {
  const word = text.toUpperCase();
  if ((ERROR_CLASSES as readonly string[]).includes(word)) return word;
  throw badFilter(
    `"${text}" is no error class; ${didYouMean(word, ERROR_CLASSES) ?? `there are: ${ERROR_CLASSES.join(', ')}`}`,
  );
}

/** A record is found by the index on keys: its possible keys are few. */
function keysOf(given: { key?: string; entity?: string; recordId?: string }, names: Names): string[] | undefined {
  if (given.key !== undefined) return [given.key];
  if (given.recordId === undefined) return undefined;
  const entities = given.entity === undefined ? names.entities : [given.entity];
  return entities.map((entity) => recordKey(names.configuration.tenant, entity, given.recordId!));
}
