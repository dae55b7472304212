import type { FindRequest, FindResult } from '#contracts';
import type { HttpResult } from '#http';
import type { Json } from '#schema';
import { at, readJson, textOf } from './answer.ts';
import type { RestDocument } from './settings.ts';

type Find = NonNullable<RestDocument['find']>;

/**
 * What a look showed. Absence is only what the settings say means absence: a status under `missing`, or a readable list
 * without a match. Anything unclear is `failed`, which delivery never takes for absence.
 */
export function readFind(
  find: Find,
  document: RestDocument,
  asked: Pick<FindRequest, 'key' | 'requestKey'> & { path: string },
  result: HttpResult,
): FindResult {
  const evidence = (what: string): string => `${find.method} ${asked.path} -> ${what}`;
  const failed = (message: string, httpStatus?: number): FindResult => ({
    found: 'failed',
    message,
    evidence: evidence(httpStatus === undefined ? message : `${httpStatus}, ${message}`),
    httpStatus,
  });

  if (result.kind !== 'answered') return failed(result.message);
  const { status } = result;
  if (find.missing?.has(status)) return { found: 'none', evidence: evidence(String(status)) };
  if (status < 200 || status > 299) return failed('the answer says neither found nor missing', status);
  const json = readJson(result.body, result.headers['content-type']);
  if (json === undefined) return failed('the answer is not readable JSON', status);

  const items = find.list === undefined ? [json] : at(json, find.list);
  if (!Array.isArray(items)) return failed(`no list stands at ${find.list}`, status);
  const ours = items.filter((item) => find.match === undefined || textOf(at(item, find.match)) === asked.key);
  return choose(ours, items.length, status);

  function choose(hits: readonly Json[], of: number, httpStatus: number): FindResult {
    const seen = `${httpStatus}, ${hits.length} of ${of} match`;
    const byRequest = (item: Json): boolean =>
      find.matchRequest !== undefined && textOf(at(item, find.matchRequest)) === asked.requestKey;
    const carrying = hits.filter(byRequest);
    // Earlier versions of a fact share its key; when none of several carries our request, this one is not there.
    const several = document.nature === 'fact' && hits.length > 1 ? carrying : hits;
    const candidates = carrying.length > 0 ? carrying : several;
    const [hit] = candidates;
    if (hit === undefined) return { found: 'none', evidence: evidence(seen) };
    if (candidates.length > 1) return { found: 'many', count: candidates.length, evidence: evidence(seen) };
    const targetId = idOf(hit);
    if (targetId === undefined) return failed(`a match without an id at ${find.id ?? document.id}`, httpStatus);
    return {
      found: 'one',
      targetId,
      requestKeyMatches: (find.matchRequest === undefined && document.nature === 'state') || byRequest(hit),
      evidence: evidence(`${seen}, id ${targetId}`),
    };
  }

  function idOf(item: Json): string | undefined {
    const pointer = find.id ?? document.id;
    return pointer === undefined ? asked.key : textOf(at(item, pointer));
  }
}
