import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { problem, type Answer } from './answer.ts';
import { MAX_BYTES, tooLarge } from './inflate.ts';

export const HOOKS = '/hooks/';

/** Requests in hand at once; more is told to come back. */
const MAX_IN_FLIGHT = 256;

/**
 * Bytes of bodies in hand at once, as sent and as inflated. While a body is parsed, split and written it stands in memory about
 * five times, so this bounds capture at some 300 MiB however large the requests are.
 */
const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;

/** ms. A mebibyte in this time is a very slow line; whoever sends slower holds a place for nothing. */
const BODY_DEADLINE = 15_000;

export const SHED_REASONS = ['requests', 'bytes', 'backlog'] as const;

export interface AdmissionOptions {
  /** requests in hand at once */
  most?: number;
  /** bytes of their bodies */
  mostBytes?: number;
  /** true: what is kept already waits for the normalisers, and there is too much of it */
  backlogged?: () => boolean;
  /** called for each request that is sent away */
  shed?: (reason: (typeof SHED_REASONS)[number]) => void;
  /** ms for the whole body to arrive */
  bodyDeadline?: number;
}

/** Bounds what reaches us before a byte of a body is read: how many requests, how large each, and how slow. */
export function admit(
  fastify: FastifyInstance,
  {
    most = MAX_IN_FLIGHT,
    mostBytes = MAX_BYTES_IN_FLIGHT,
    backlogged = () => false,
    shed = () => {},
    bodyDeadline = BODY_DEADLINE,
  }: AdmissionOptions = {},
): void {
  const inHand = { requests: 0, bytes: 0 };
  fastify.addHook('onRequest', async (request, reply) => {
    if (!isHook(request)) return;
    const wanted = bytesOf(request, declaredLength(request) ?? MAX_BYTES);
    const reason =
      inHand.requests >= most
        ? 'requests'
        : inHand.bytes + wanted > Math.max(mostBytes, wanted)
          ? 'bytes'
          : backlogged()
            ? 'backlog'
            : undefined;
    if (reason !== undefined) {
      shed(reason);
      return send(reply, OVERLOAD[reason]);
    }
    setContentTypeAside(request);
    const place = new Place(inHand, wanted);
    places.set(request.raw, place);
    const slow = setTimeout(() => {
      if (!request.raw.complete) request.raw.destroy();
    }, bodyDeadline);
    reply.raw.once('close', () => {
      place.leave();
      clearTimeout(slow);
    });
    if ((declaredLength(request) ?? 0) <= MAX_BYTES) return;
    const { status, code, detail } = tooLarge('the body');
    return send(reply, problem(status, code, detail, { headers: { connection: 'close' } }));
  });
  // A body without a declared length counted as the largest there may be; now it is known.
  fastify.addHook('preHandler', async (request) => {
    if (Buffer.isBuffer(request.body)) places.get(request.raw)?.resize(bytesOf(request, request.body.length));
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

const OVERLOAD = {
  requests: problem(429, 'CROSSDOCK_CAPTURE_OVERLOAD', 'too much at once; send it again', {
    headers: { 'retry-after': '1' },
  }),
  bytes: problem(503, 'CROSSDOCK_CAPTURE_OVERLOAD', 'too many large requests at once; send it again', {
    headers: { 'retry-after': '2' },
  }),
  backlog: problem(503, 'CROSSDOCK_CAPTURE_BACKLOG', 'too much waits here already; send it again later', {
    headers: { 'retry-after': '30' },
  }),
} as const;

/**
 * What one request takes of what there is, from its first byte until it is answered and nothing is done for it any more: a
 * sender who was told to come back may leave work behind that still waits for the database.
 */
class Place {
  readonly #inHand: { requests: number; bytes: number };
  #bytes: number;
  #uses = 1;

  constructor(inHand: { requests: number; bytes: number }, bytes: number) {
    this.#inHand = inHand;
    this.#bytes = bytes;
    inHand.requests++;
    inHand.bytes += bytes;
  }

  resize(bytes: number): void {
    this.#inHand.bytes += bytes - this.#bytes;
    this.#bytes = bytes;
  }

  hold(work: Promise<unknown>): void {
    this.#uses++;
    const leave = (): void => this.leave();
    void work.then(leave, leave);
  }

  leave(): void {
    if (--this.#uses > 0) return;
    this.#inHand.requests--;
    this.#inHand.bytes -= this.#bytes;
  }
}

const places = new WeakMap<FastifyRequest['raw'], Place>();

/** Keeps the request's place until `work` has ended, whoever has been answered meanwhile. */
export function holdPlace({ raw }: FastifyRequest, work: Promise<unknown>): void {
  places.get(raw)?.hold(work);
}

/** A body that has to be inflated counts as what it may become. */
const bytesOf = ({ raw }: FastifyRequest, length: number): number =>
  Math.min(length, MAX_BYTES) + (/^(identity)?$/i.test(raw.headers['content-encoding']?.trim() ?? '') ? 0 : MAX_BYTES);

const ANY_BYTES = 'application/octet-stream';
const contentTypes = new WeakMap<FastifyRequest['raw'], string | undefined>();

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

function declaredLength(request: FastifyRequest): number | undefined {
  const length = request.headers['content-length'];
  return length === undefined ? undefined : Number(length);
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
