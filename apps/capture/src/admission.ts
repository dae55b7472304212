import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { problem, type Answer } from './answer.ts';
import { MAX_BYTES, tooLarge } from './inflate.ts';

export const HOOKS = '/hooks/';

/** Requests in hand at once. With a mebibyte each, this is what capture may hold in memory; more is told to come back. */
const MAX_IN_FLIGHT = 256;

/** Bounds what reaches us before a byte of a body is read: how many requests, and how large each. */
export function admit(fastify: FastifyInstance, most = MAX_IN_FLIGHT): void {
  let inFlight = 0;
  fastify.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith(HOOKS)) return;
    if (inFlight >= most)
      return send(
        reply,
        problem(429, 'CROSSDOCK_CAPTURE_OVERLOAD', 'too much at once; send it again', {
          headers: { 'retry-after': '1' },
        }),
      );
    inFlight++;
    reply.raw.once('close', () => inFlight--);
    if (declaredLength(request) <= MAX_BYTES) return;
    const { status, code, detail } = tooLarge('the body');
    return send(reply, problem(status, code, detail, { headers: { connection: 'close' } }));
  });
  // A body without a declared length ends one byte over the bound: enough to be refused, not more.
  fastify.addHook('preParsing', async (request, _reply, payload) =>
    request.url.startsWith(HOOKS) && request.headers['content-length'] === undefined
      ? Readable.from(upTo(payload, MAX_BYTES + 1), { objectMode: false })
      : payload,
  );
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

async function* upTo(payload: AsyncIterable<Buffer>, most: number): AsyncGenerator<Buffer> {
  let left = most;
  for await (const chunk of payload) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
