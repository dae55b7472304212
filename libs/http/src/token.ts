import { Secret } from '#contracts';
import { basic, type OAuth2, plain } from './auth.ts';
import type { HttpRequest, HttpResult, NotSent } from './result.ts';

/** A token is renewed this long before it ends, or after nine tenths of its life, whichever is later. */
const MARGIN_MS = 30_000;
/** RFC 6749 only recommends `expires_in`; without it we ask again after this long. */
const LIFETIME_WITHOUT_WORD_MS = 5 * 60_000;

export type Token = { ok: true; token: Secret } | { ok: false; failure: NotSent };

/**
 * The access token of one connection: fetched when first needed, shared by all requests in flight, kept until shortly
 * before it ends. `forget` is called with the token that was answered by 401, so that a slow request does not throw
 * away a newer one.
 */
export function tokenSource(auth: OAuth2, send: (request: HttpRequest) => Promise<HttpResult>, path: string) {
  let current: { token: Secret; until: number } | undefined;
  let fetching: Promise<Token> | undefined;

  const fetchToken = async (): Promise<Token> => {
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (auth.scope !== undefined) form.set('scope', auth.scope);
    if (auth.audience !== undefined) form.set('audience', auth.audience);
    const headers: Record<string, string> = {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    };
    if (auth.credentials === 'basic') {
      headers['authorization'] = basic(encodeURIComponent(plain(auth.clientId)), encoded(auth.clientSecret));
    } else {
      form.set('client_id', plain(auth.clientId));
      form.set('client_secret', auth.clientSecret.reveal());
    }
    const result = await send({ method: 'POST', path, headers, body: form.toString() });
    if (result.kind !== 'answered') return failed('token', `the token endpoint: ${result.message}`);
    if (result.status === 400 || result.status === 401 || result.status === 403)
      return failed('credentials', `the token endpoint refused our credentials (${result.status})`);
    if (result.status !== 200) return failed('token', `the token endpoint answered ${result.status}`);
    const answer = read(result.body);
    if (answer === undefined) return failed('token', 'the token endpoint answered 200 without an access token');
    const life = answer.expiresInMs ?? LIFETIME_WITHOUT_WORD_MS;
    const token = new Secret(answer.token, 'token endpoint');
    current = { token, until: performance.now() + Math.max(life - MARGIN_MS, life * 0.9) };
    return { ok: true, token };
  };

  return {
    get(): Promise<Token> {
      if (current !== undefined && performance.now() < current.until)
        return Promise.resolve({ ok: true, token: current.token });
      fetching ??= fetchToken().finally(() => (fetching = undefined));
      return fetching;
    },
    forget(refused: Secret): void {
      if (current?.token === refused) current = undefined;
    },
  };
}

const failed = (reason: NotSent['reason'], message: string): Token => ({
  ok: false,
  failure: { kind: 'not-sent', reason, message },
});

const encoded = (secret: Secret): Secret => new Secret(encodeURIComponent(secret.reveal()), secret.origin);

function read(body: Buffer): { token: string; expiresInMs?: number } | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null || !('access_token' in answer)) return undefined;
  if (typeof answer.access_token !== 'string' || answer.access_token === '') return undefined;
  const seconds = 'expires_in' in answer ? Number(answer.expires_in) : Number.NaN;
  return { token: answer.access_token, expiresInMs: seconds > 0 ? seconds * 1000 : undefined };
}
