import type { ErrorClass, Operation, WriteResult } from '#contracts';
import { retryAfterMs, type Answered, type HttpResult, type NotSent } from '#http';
import type { Json } from '#schema';
import { isBadText, JsonNumber } from '#schema';
import { at, readJson, textOf } from './answer.ts';
import type { RestDocument, RestSettings, StatusWord } from './settings.ts';

export interface Asked {
  settings: RestSettings;
  document: RestDocument;
  operation: Operation;
  /** the document key: the target's id where the document declares none */
  key: string;
}

/**
 * What a write came to, from how its request ended.
 *
 * | answer | outcome |
 * |---|---|
 * | 2xx | done; `success` not equal: rejected VALUE, its pointer absent: in-doubt; a create without its id: in-doubt |
 * | 3xx | rejected: redirects are not followed |
 * | 401 | retry AUTH · 403 rejected AUTH (delivery asks the probe) |
 * | 408 | in-doubt |
 * | 409 | rejected CONFLICT · 413 rejected TOO_LARGE · other 4xx rejected VALUE |
 * | 425, 429, and 503 with Retry-After | retry |
 * | declared as `closed-period` | retry CLOSED_PERIOD: delivery holds that document alone |
 * | other 5xx, and no complete answer | in-doubt |
 * | not sent | retry CONNECTION |
 */
export function interpret(asked: Asked, result: HttpResult, now: Date): WriteResult {
  if (result.kind === 'not-sent') return notSent(result);
  if (result.kind === 'answered')
    return answered(asked, result, readJson(result.body, result.headers['content-type']), now);
  const { status, headers } = result;
  // The head of an answer says as much as it ever would where the body is not needed.
  if (status !== undefined && headers !== undefined)
    return answered(asked, { status, headers }, undefined, now, result.message);
  return { outcome: 'in-doubt', errorClass: 'UNKNOWN_OUTCOME', message: result.message };
}

function notSent({ reason, message }: NotSent): WriteResult {
  if (reason === 'invalid') return { outcome: 'rejected', errorClass: 'VALUE', message };
  const errorClass = reason === 'credentials' ? 'AUTH' : 'CONNECTION';
  return { outcome: 'retry', errorClass, message, notSent: true };
}

function answered(
  asked: Asked,
  { status, headers }: Pick<Answered, 'status' | 'headers'>,
  json: Json | undefined,
  now: Date,
  bodyProblem?: string,
): WriteResult {
  const word = isClosedPeriod(asked, status, headers, json) ? 'closed-period' : statusWord(asked, status, headers);
  const reason = json === undefined ? undefined : quotedReason(asked.settings, json, headers);
  const redirect = status >= 300 && status < 400 ? 'redirects are not followed' : undefined;
  const message = [`answered ${status}`, redirect, reason, bodyProblem].filter((part) => part !== undefined).join(': ');
  const facts = { message, httpStatus: status };

  if (word === 'in-doubt') return { outcome: word, errorClass: 'UNKNOWN_OUTCOME', ...facts };
  if (word === 'duplicate') return { outcome: word, ...facts };
  if (word === 'closed-period') return { outcome: 'retry', errorClass: 'CLOSED_PERIOD', ...facts };
  if (word === 'rejected') return { outcome: word, errorClass: rejectedClass(status), ...facts };
  if (word === 'retry')
    return {
      outcome: word,
      errorClass: retryClass(status),
      ...facts,
      retryAfterMs: retryAfterMs(headers['retry-after'], now),
    };
  return done(asked, status, json, facts);
}

function done(
  { settings: { success }, document, operation, key }: Asked,
  status: number,
  json: Json | undefined,
  facts: { message: string; httpStatus: number },
): WriteResult {
  const doubt = (what: string): WriteResult => ({
    outcome: 'in-doubt',
    errorClass: 'UNKNOWN_OUTCOME',
    ...facts,
    message: `${facts.message}, but ${what}`,
  });
  if (success !== undefined && isSuccessful(status)) {
    const said = at(json, success.pointer);
    if (said === undefined) return doubt(`${success.pointer} is not in the answer`);
    if (!equal(said, success.equals))
      return { outcome: 'rejected', errorClass: 'VALUE', ...facts, message: `${facts.message}, as a failure` };
  }
  if (document.id === undefined) return { outcome: 'done', targetId: key, httpStatus: status };
  const targetId = textOf(at(json, document.id));
  if (targetId !== undefined && isBadText(targetId)) return doubt(`the id at ${document.id} is none that can be kept`);
  if (targetId === undefined && operation === 'create') return doubt(`no id stands at ${document.id}`);
  return { outcome: 'done', targetId, httpStatus: status };
}

/** The document's own word for the operation, else the connection's, else the default table's. */
function statusWord(
  { settings, document, operation }: Asked,
  status: number,
  headers: Answered['headers'],
): StatusWord {
  const own = document.statuses[operation]?.get(status);
  const word = own ?? settings.statuses?.get(status);
  if (word !== undefined && (word !== 'duplicate' || operation === 'create')) return word;
  if (isSuccessful(status)) return 'done';
  if (status === 401 || status === 425 || status === 429) return 'retry';
  if (status === 503 && headers['retry-after'] !== undefined) return 'retry';
  if (status === 408 || status >= 500) return 'in-doubt';
  return 'rejected';
}

/** Only what would be a refusal: an answer that leaves it open whether something happened says nothing of periods. */
function isClosedPeriod(asked: Asked, status: number, headers: Answered['headers'], json: Json | undefined): boolean {
  const told = asked.settings.closedPeriod;
  if (told === undefined || json === undefined || status < 400 || status > 499) return false;
  if (statusWord(asked, status, headers) !== 'rejected') return false;
  const said = at(json, told.pointer);
  return said !== undefined && equal(said, told.equals);
}

const isSuccessful = (status: number): boolean => status >= 200 && status < 300;

function rejectedClass(status: number): ErrorClass {
  if (status === 401 || status === 403) return 'AUTH';
  if (status === 409) return 'CONFLICT';
  return status === 413 ? 'TOO_LARGE' : 'VALUE';
}

function retryClass(status: number): ErrorClass {
  if (status === 401 || status === 403) return 'AUTH';
  return status === 429 ? 'RATE_LIMIT' : 'INTERMITTENT';
}

function equal(said: Json, expected: string | number | boolean | null): boolean {
  if (said instanceof JsonNumber) return typeof expected === 'number' && Number(said.text) === expected;
  return said === expected;
}

const LONGEST_REASON = 200;
/** Half of a character that the cut went through is left out: PostgreSQL would refuse it, and with it the outcome. */
const cut = (words: string): string => words.slice(0, LONGEST_REASON).replace(/[\uD800-\uDBFF]$/, '');

/**
 * Why the target refused, in its words: from where the settings say such words stand, else the title of a problem
 * document, which by RFC 9457 does not change from occurrence to occurrence and so holds no data of the record.
 */
function quotedReason(settings: RestSettings, json: Json, headers: Answered['headers']): string | undefined {
  const isProblem = headers['content-type']?.toLowerCase().startsWith('application/problem+json') ?? false;
  const pointer = settings.reason ?? (isProblem ? '/title' : undefined);
  const words = pointer === undefined ? undefined : textOf(at(json, pointer));
  return words && cut(words.replace(/\p{C}+/gu, ' '));
}
