import { readEnvironment } from '#platform';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** What the API answered instead of what was asked: a problem document, or nothing at all. */
export class ApiProblem extends Error {
  /** 0 where nobody answered */
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
  }
}

export interface Answer<T> {
  status: number;
  body: T;
}

/** The HTTP API, which is all that these commands know of a running Crossdock. */
export interface Api {
  call<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer<T>>;
  get<T>(path: string): Promise<T>;
  /** the answer as it came: every digit of its numbers */
  text(path: string): Promise<string>;
}

/** A body that is JSON text already, whose numbers must keep their digits. */
export interface ExactBody {
  exactly: string;
}

const isExact = (body: unknown): body is ExactBody =>
  typeof body === 'object' && body !== null && 'exactly' in body && typeof body.exactly === 'string';

const TIMEOUT_MS = 30_000;

/** `url` is what `--url` gave; without it the address comes from CROSSDOCK_HOST and CROSSDOCK_PORT. */
export function openApi(url: string | undefined): Api {
  const environment = readEnvironment();
  const host = ['0.0.0.0', '::'].includes(environment.host) ? '127.0.0.1' : environment.host;
  const base = (url ?? `http://${host.includes(':') ? `[${host}]` : host}:${environment.port}`).replace(/\/+$/, '');
  const token = environment.apiToken?.reveal();

  const ask = async (method: string, path: string, body?: unknown): Promise<Answer<string>> => {
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : isExact(body) ? body.exactly : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw unreachable(base, cause);
    });
    const text = await response.text();
    if (!response.ok) throw problemOf(base, response.status, text);
    return { status: response.status, body: text };
  };
  const call = async <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> => {
    const answer = await ask(method, path, body);
    return { status: answer.status, body: JSON.parse(answer.body) as T };
  };
  return {
    call,
    get: async <T>(path: string) => (await call<T>('GET', path)).body,
    text: async (path) => (await ask('GET', path)).body,
  };
}

function unreachable(base: string, cause: unknown): ApiProblem {
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return new ApiProblem(
      0,
      'CROSSDOCK_CLI_TIMEOUT',
      `${base} did not answer within ${TIMEOUT_MS / 1_000} s; see its log`,
    );
  if (cause instanceof TypeError && cause.message.includes('URL'))
    return new ApiProblem(0, 'CROSSDOCK_CLI_URL', `"${base}" is no address: --url http://127.0.0.1:8080`);
  return new ApiProblem(
    0,
    'CROSSDOCK_CLI_UNREACHABLE',
    `nobody listens at ${base}: start it with "npm start", or say where it is with --url or CROSSDOCK_PORT`,
  );
}

function problemOf(base: string, status: number, text: string): ApiProblem {
  const problem = parse(text);
  if (status === 401)
    return new ApiProblem(401, 'CROSSDOCK_API_UNAUTHORISED', `${base} asks for a token: set CROSSDOCK_API_TOKEN`);
  if (problem?.['code'] === 'CROSSDOCK_API_NO_ROUTE')
    return new ApiProblem(status, 'CROSSDOCK_API_NO_ROUTE', `${base} is Crossdock, but not its console: another port?`);
  if (typeof problem?.['code'] === 'string' && problem['code'].startsWith('CROSSDOCK_')) {
    const detail = typeof problem['detail'] === 'string' ? problem['detail'] : problem['code'];
    return new ApiProblem(status, problem['code'], detail);
  }
  return new ApiProblem(status, 'CROSSDOCK_CLI_NOT_CROSSDOCK', `${base} answers ${status} and is no Crossdock console`);
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
