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
    if (value === undefined || value === '') continue;
    if (!storable(value)) throw badFilter(`"${name}" holds characters that no id has`);
    read[name as Name] = value;
  }
  return read;
}

/** PostgreSQL keeps no NUL and no lone surrogate, so nothing of ours has them. */
export const storable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

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

/** The row id that `next` of a page gave. */
export function afterOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const after = longOf(text);
  if (after === undefined) throw badFilter('"after" is not the "next" of a page');
  return after;
}

/** A row id of ours: a whole number that PostgreSQL's bigint can hold. */
export function rowId(text: string, what: string): bigint {
  const id = longOf(text);
  if (id !== undefined) return id;
  throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no ${what} "${text}"`);
}

function longOf(text: string): bigint | undefined {
  return /^\d{1,19}$/.test(text) && BigInt(text) <= MOST_LONG ? BigInt(text) : undefined;
}
