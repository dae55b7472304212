import { SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { CrossdockError, type Secret } from '#contracts';

/**
 * What a caller will need once users and roles come. `public` routes prove their caller otherwise (webhooks by their
 * signature); all others need the API token where one is set.
 */
export type PermissionName =
  | 'public'
  | 'status.read'
  | 'records.read'
  | 'records.act'
  | 'deliveries.read'
  | 'deliveries.act'
  | 'value-maps.read'
  | 'value-maps.write'
  | 'xref.read'
  | 'xref.write'
  | 'flows.act'
  | 'connections.act'
  | 'schemas.read'
  | 'sandbox';

const KEY = 'crossdock:permission';

/** Every route declares one; a route without is refused to everybody (and found by a test). */
export const Permission = (name: PermissionName): MethodDecorator & ClassDecorator => SetMetadata(KEY, name);

/** Deny by default. */
export class PermissionGuard implements CanActivate {
  readonly #reflector = new Reflector();
  readonly #token: Buffer | undefined;

  constructor(token: Secret | undefined) {
    this.#token = token === undefined ? undefined : Buffer.from(token.reveal());
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const permission = this.#reflector.getAllAndOverride<PermissionName | undefined>(KEY, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (permission === undefined)
      throw new CrossdockError('CROSSDOCK_API_NO_PERMISSION', 'this route declares no permission and is closed');
    if (permission === 'public' || this.#token === undefined) return true;
    const header = context.switchToHttp().getRequest<FastifyRequest>().headers.authorization ?? '';
    const given = Buffer.from(/^Bearer (.+)$/.exec(header)?.[1] ?? '');
    if (given.length === this.#token.length && timingSafeEqual(given, this.#token)) return true;
    throw new CrossdockError('CROSSDOCK_API_UNAUTHORISED', 'send the API token as "Authorization: Bearer ..."');
  }
}
