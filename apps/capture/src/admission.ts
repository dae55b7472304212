import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { problem, type Answer } from './answer.ts';
import { MAX_BYTES, tooLarge } from './inflate.ts';

export const HOOKS = '/hooks/';

/** Requests in hand at once. With a mebibyte each, this is what capture may hold in memory; more is told to come back. */
const MAX_IN_FLIGHT = 256;

/** ms. A mebibyte in this time is a very slow line; whoever sends slower holds a place for nothing. */
const BODY_DEADLINE = 15_000;

export interface AdmissionOptions {
  /** requests in hand at once */
  most?: number;
  /** ms for the whole body to arrive */
  bodyDeadline?: number;
}

/** Bounds what reaches us before a byte of a body is read: how many requests, how large each, and how slow. */
export function admit(
  fastify: FastifyInstance,
  { most = MAX_IN_FLIGHT, bodyDeadline = BODY_DEADLINE }: AdmissionOptions = {},
): void {
  let inFlight = 0;
  fastify.addHook('onRequest', async (request, reply) => {
    if (!isHook(request)) return;
    if (inFlight >= most)
      return send(
        reply,
        problem(429, 'CROSSDOCK_CAPTURE_OVERLOAD', 'too much at once; send it again', {
          headers: { 'retry-after': '1' },
        }),
      );
    setContentTypeAside(request);
    inFlight++;
    const slow = setTimeout(() => {
      if (!request.raw.complete) request.raw.destroy();
    }, bodyDeadline);
    reply.raw.once('close', () => {
      inFlight--;
      clearTimeout(slow);
    });
    if (declaredLength(request) <= MAX_BYTES) return;
    const { status, code, detail } = tooLarge('the body');
    return send(reply, problem(status, code, detail, { headers: { connection: 'close' } }));
  });
  // A body without a declared length ends one byte over the bound: enough to be refused, not more.
  fastify.addHook('preParsing', async (request, _reply, payload) =>
    isHook(request) && request.headers['content-length'] === undefined
      ? upTo(payload as Readable, MAX_BYTES + 1)
      : payload,
  );
}

/** By the route that was found: the path that was asked for may be written in many ways, as in /%68ooks/. */
function isHook(request: FastifyRequest): boolean {
  return request.routeOptions.url?.startsWith(HOOKS) ?? false;
}

const ANY_BYTES = 'application/octet-stream';
const contentTypes = new WeakMap<IncomingMessage, string | undefined>();

/** Fastify answers an odd content type itself, before anything is proved; ours is looked at in its turn. */
function setContentTypeAside({ raw }: FastifyRequest): void {
  contentTypes.set(raw, raw.headers['content-type']);
  raw.headers['content-type'] = ANY_BYTES;
}

/** Headers as they were sent. Node joins repeated ones itself; only `set-cookie` stays a list. */
export function headersOf({ raw }: FastifyRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...raw.headers, 'content-type': contentTypes.get(raw) }))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}

export function send(reply: FastifyReply, answer: Answer): FastifyReply {
  const type = 'code' in answer.body ? 'application/problem+json' : 'application/json';
  return reply
    .status(answer.status)
    .headers(answer.headers ?? {})
    .type(type)
    .send(JSON.stringify(answer.body));
}

function declaredLength(request: FastifyRequest): number {
  return Number(request.headers['content-length'] ?? 0);
}

/** Ends after so many bytes and leaves the rest unread: the answer closes the connection. */
function upTo(payload: Readable, most: number): Readable {
  let left = most;
  const limited = new Readable({ read: () => void payload.resume() });
  payload.on('data', (chunk: Buffer) => {
    if (left <= 0) return;
    limited.push(chunk.subarray(0, left));
    left -= chunk.length;
    if (left > 0) return;
    limited.push(null);
    payload.pause();
  });
  payload.on('end', () => {
    if (left > 0) limited.push(null);
  });
  payload.on('error', (error) => limited.destroy(error));
  return limited;
}
