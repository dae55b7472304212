import { didYouMean } from '#contracts';
import { ProblemError } from '#platform';

export type Query = Readonly<Record<string, string | string[] | undefined>>;

const LIMIT = { usual: 50, most: 500 };

/** The query string as single texts. An unknown or repeated name is refused: a filter that is ignored lies. */
export function readQuery<Name extends string>(query: Query, known: readonly Name[]): Partial<Record<Name, string>> {
  const read: Partial<Record<Name, string>> = {};
  for (const [name, value] of Object.entries(query)) {
    if (!known.includes(name as Name))
      throw badFilter(
        `"${name}" is no filter here; ${didYouMean(name, known) ?? `there are: ${known.join(', ') || 'none'}`}`,
      );
    if (Array.isArray(value)) throw badFilter(`"${name}" is given more than once`);
    if (value !== undefined && value !== '') read[name as Name] = value;
  }
  return read;
}

export function badFilter(detail: string): ProblemError {
  return new ProblemError(400, 'CROSSDOCK_API_BAD_FILTER', detail);
}

/** 1 to 500, default 50. */
export function limitOf(text: string | undefined): number {
  if (text === undefined) return LIMIT.usual;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT.most) throw badFilter(`"limit" is a whole number from 1 to ${LIMIT.most}`);
  return limit;
}

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MOST_LONG = 9_223_372_036_854_775_807n;

/** A row id of ours: a whole number that PostgreSQL's bigint can hold. */
export function rowId(text: string, what: string): bigint {
  if (/^\d{1,19}$/.test(text) && BigInt(text) <= MOST_LONG) return BigInt(text);
  throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no ${what} "${text}"`);
}
