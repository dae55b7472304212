import { ProblemError } from '#platform';

/** What this version cannot do is refused by name. */
export function notYet(what: string, instead: string): never {
  throw new ProblemError(501, 'CROSSDOCK_API_NOT_YET', `${what} is not there yet; ${instead}`);
}
