import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { CrossdockError } from '#contracts';
import { logger } from '../logging.ts';

/** RFC 9457. `code` is stable; `detail` is for people and may change. */
export interface Problem {
  type: 'about:blank';
  title: string;
  status: number;
  code: string;
  detail?: string;
  [extension: string]: unknown;
}

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorised',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Unprocessable',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not there yet',
  503: 'Unavailable',
};

/** Throw this from a controller to answer with a problem document. */
export class ProblemError extends Error {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: `CROSSDOCK_${string}`,
    detail: string,
    more: { headers?: Record<string, string>; [extension: string]: unknown } = {},
  ) {
    super(detail);
    this.name = 'ProblemError';
    const { headers = {}, ...extensions } = more;
    this.headers = headers;
    this.problem = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail, ...extensions };
  }
}

/** Turns whatever a controller throws into a problem document; what nobody expected is logged once and tells nothing. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const problem = problemOf(error);
    if (problem.status === 500) logger('http').error(described(error), 'a request failed');
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (error instanceof ProblemError) void reply.headers(error.headers);
    else if (problem.status === 503) void reply.header('retry-after', '1');
    void reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  }
}

/** What Fastify refuses before a route is found (a broken escape, a path too long): the same documents, nothing echoed. */
export function refuseRequest(error: unknown, _request: unknown, reply: FastifyReply): void {
  const problem = problemOf(error);
  void reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const make = (status: number, code: string, detail?: string): Problem => ({
    type: 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    code,
    detail,
  });
  if (error instanceof CrossdockError) {
    if (error.code === 'CROSSDOCK_API_UNAUTHORISED') return make(401, error.code, error.message);
    if (error.code === 'CROSSDOCK_API_NO_PERMISSION') return make(403, error.code, error.message);
    if (error.retryable) return make(503, error.code, 'a service behind this one is away; try again');
  }
  const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
  if (status === 404) return make(404, 'CROSSDOCK_API_NO_ROUTE', 'there is nothing here');
  if (status === 413) return make(413, 'CROSSDOCK_API_TOO_LARGE', 'the body is too large');
  if (status !== undefined && status >= 400 && status < 500)
    return make(status, 'CROSSDOCK_API_BAD_REQUEST', 'the request is malformed');
  return make(500, 'CROSSDOCK_API_INTERNAL', 'this is a fault of ours; the log has it');
}

/** Message, code and stack alone: a database's error quotes row values in its other fields. */
function described(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { message: error.message, code, stack: error.stack };
}

function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}
