import type { FastifyRequest } from 'fastify';

/** The idempotency key a request came with, empty without one. */
export function requestKeyOf(request: FastifyRequest): string {
  const header = request.headers['idempotency-key'];
  return typeof header === 'string' ? header : '';
}

const PAGE = 1000;

export function limitOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : PAGE;
}
