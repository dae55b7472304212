import { Pool } from 'undici';
import { type Auth, staticHeader } from './auth.ts';
import { connector } from './connect.ts';
import { exchange } from './exchange.ts';
import type { HttpRequest, HttpResult } from './result.ts';
import { type Token, tokenSource } from './token.ts';

export interface HttpOptions {
  /** origin and the path all requests stand below, e.g. `https://erp.acme.example/api` */
  baseUrl: string;
  auth?: Auth;
  /** for a complete answer, counted from when the request is written */
  timeoutMs: number;
  /** the peer may be a private or loopback address */
  allowPrivate: boolean;
  /** for the connection itself, DNS and TLS included; default 10 s, never more than `timeoutMs` */
  connectTimeoutMs?: number;
  /** default 10 MiB */
  maxAnswerBytes?: number;
}

export interface HttpClient {
  /** never throws for what the network or the target does */
  request(request: HttpRequest): Promise<HttpResult>;
  /** gives up what is in flight */
  close(): Promise<void>;
}

const MAX_ANSWER_BYTES = 10 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The only way out: one pool per origin, one request per connection at a time, no redirects, no proxy from the
 * environment. How many requests run at once is the caller's budget; the pool adds no queue of its own, so time spent
 * waiting never hides between the caller's check and the first byte.
 */
export function createHttp(options: HttpOptions): HttpClient {
  const base = new URL(options.baseUrl);
  const prefix = base.pathname.replace(/\/+$/, '');
  const connectTimeoutMs = Math.min(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, options.timeoutMs);
  const maxAnswerBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;
  const limits = { timeoutMs: options.timeoutMs, connectTimeoutMs, maxAnswerBytes };
  const pools: Pool[] = [];
  const pool = (origin: string): Pool => {
    const connect = connector({ allowPrivate: options.allowPrivate, connectTimeoutMs });
    const made = new Pool(origin, { pipelining: 1, connect });
    pools.push(made);
    return made;
  };

  const target = pool(base.origin);
  const send = (request: HttpRequest, authorization: Record<string, string>): Promise<HttpResult> =>
    exchange(
      target,
      {
        ...request,
        path: prefix + request.path,
        headers: { 'user-agent': 'crossdock', 'accept-encoding': 'identity', ...request.headers, ...authorization },
      },
      limits,
    );

  return {
    request: authorised(options.auth, send, (tokenUrl) => {
      const url = new URL(tokenUrl);
      const endpoint = url.origin === base.origin ? target : pool(url.origin);
      return {
        path: url.pathname + url.search,
        send: (request) => exchange(endpoint, { ...request, headers: request.headers ?? {} }, limits),
      };
    }),
    async close() {
      await Promise.all(pools.map((each) => each.destroy()));
    },
  };
}

type Send = (request: HttpRequest, authorization: Record<string, string>) => Promise<HttpResult>;
type Endpoint = (url: string) => { path: string; send(request: HttpRequest): Promise<HttpResult> };

/**
 * Adds the proof of who we are. A 401 to an OAuth2 token means the target did nothing, so the request goes once more
 * with a fresh one; a second 401 stands.
 */
function authorised(auth: Auth | undefined, send: Send, endpoint: Endpoint): HttpClient['request'] {
  if (auth === undefined) return (request) => send(request, {});
  if (!('oauth2' in auth)) return (request) => send(request, staticHeader(auth));
  const { path, send: sendToEndpoint } = endpoint(auth.oauth2.tokenUrl);
  const tokens = tokenSource(auth.oauth2, sendToEndpoint, path);
  return async (request) => {
    for (let attempt = 1; ; attempt++) {
      const token = await orAborted(tokens.get(), request.signal);
      if (!token.ok) return token.failure;
      const result = await send(request, { authorization: `Bearer ${token.token.reveal()}` });
      if (result.kind !== 'answered' || result.status !== 401) return result;
      tokens.forget(token.token);
      if (attempt === 2) return result;
    }
  };
}

const GIVEN_UP: Token = {
  ok: false,
  failure: { kind: 'not-sent', reason: 'aborted', message: 'given up while waiting for a token' },
};

/** The token is fetched for everybody who waits; one who gives up does not stop it. */
async function orAborted(token: Promise<Token>, signal: AbortSignal | undefined): Promise<Token> {
  if (signal === undefined) return token;
  if (signal.aborted) return GIVEN_UP;
  let stop = (): void => undefined;
  const aborted = new Promise<Token>((resolve) => {
    stop = () => resolve(GIVEN_UP);
    signal.addEventListener('abort', stop);
  });
  return Promise.race([token, aborted]).finally(() => signal.removeEventListener('abort', stop));
}
