import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Secret } from '#contracts';
import { type Call, type FaultEffect, FaultPlan } from './faults.ts';
import { Ledger } from './ledger.ts';

export interface Answer {
  status: number;
  /** JSON text, so that numbers keep the digits they came with */
  body: string;
}

export type Apply = () => Answer | Promise<Answer>;

export interface Load {
  calls: number;
  open: number;
  most: number;
}

const idle = (): Load => ({ calls: 0, open: 0, most: 0 });

/** The bearer token the pretend systems ask for; null: they ask for none. */
export const SANDBOX_TOKEN = Symbol('sandbox token');

/** Every call to a pretend system passes here: who is asking, how far away we are, and what goes wrong today. */
@Injectable()
export class Gate implements OnModuleDestroy {
  readonly #open = new Set<Socket>();
  readonly #stop = new AbortController();
  readonly #load: Record<Call['system'], Load> = { erp: idle(), finance: idle(), crm: idle() };

  constructor(
    private readonly ledger: Ledger,
    private readonly faults: FaultPlan,
    @Inject(SANDBOX_TOKEN) private readonly token: Secret | null,
  ) {}

  /**
   * `apply` checks, changes the state and appends to the ledger in one go, without waiting for anything; the CRM's, which has a
   * database instead, in one transaction.
   */
  async handle(request: FastifyRequest, reply: FastifyReply, call: Call, apply: Apply): Promise<void> {
    this.#count(this.#load[call.system], reply);
    if (!this.#knows(request.headers.authorization)) return send(reply, problem(401, 'Unauthorised'));
    const fault = this.faults.take(call);
    try {
      if (this.faults.latencyMs > 0) await this.#wait(this.faults.latencyMs);
      if (fault === undefined) return send(reply, await this.#applied(apply));
      await this.#misbehave(fault, request, reply, apply);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
      reply.hijack(); // stopped while it waited: it never took effect and nobody listens
      request.raw.socket.destroy();
    }
  }

  /** How many calls are open, and were at most since it was last asked to begin anew. A caller that is gone has none open. */
  load(): Readonly<Record<Call['system'], Load>> {
    return this.#load;
  }

  forgetLoad(): void {
    for (const load of Object.values(this.#load)) load.most = load.open;
  }

  /** Calls that hang or wait have to go, or nothing ever stops. */
  onModuleDestroy(): void {
    this.#stop.abort();
    for (const socket of this.#open) socket.destroy();
  }

  #count(load: Load, reply: FastifyReply): void {
    load.calls++;
    load.most = Math.max(load.most, ++load.open);
    reply.raw.once('close', () => load.open--);
  }

  async #applied(apply: Apply): Promise<Answer> {
    const answer = await apply();
    await this.ledger.flushed();
    return answer;
  }

  async #misbehave(fault: FaultEffect, request: FastifyRequest, reply: FastifyReply, apply: Apply): Promise<void> {
    switch (fault.kind) {
      case 'slow':
        await this.#wait(fault.ms);
        return send(reply, await this.#applied(apply));
      case 'apply-late': {
        this.#keep(request);
        await this.#wait(fault.afterMs);
        const answer = await this.#applied(apply);
        return request.raw.socket.destroyed ? void reply.hijack() : send(reply, answer);
      }
      case 'status':
        if (fault.apply) await this.#applied(apply);
        if (fault.retryAfter !== undefined) void reply.header('retry-after', String(fault.retryAfter));
        return send(reply, problem(fault.status, 'A fault on purpose'));
      case 'revoked':
        return send(reply, problem(401, 'Unauthorised'));
      case 'forbidden':
        return send(reply, problem(403, 'Forbidden'));
      case 'garbage':
        await this.#applied(apply);
        return send(reply, { status: 200, body: '<html>all is well</html>' });
      case 'hang':
        this.#keep(request);
        return void reply.hijack();
      case 'apply-and-never-answer':
        this.#keep(request);
        reply.hijack();
        return void (await this.#applied(apply));
      case 'down':
      case 'reset-before':
        reply.hijack();
        return void request.raw.socket.resetAndDestroy();
      case 'reset-after':
        reply.hijack();
        await this.#applied(apply);
        return void request.raw.socket.resetAndDestroy();
      case 'truncated': {
        reply.hijack();
        const { status, body } = await this.#applied(apply);
        reply.raw.writeHead(status, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) + 64 });
        reply.raw.write(body.slice(0, body.length / 2), () => request.raw.socket.destroy());
      }
    }
  }

  async #wait(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#stop.signal });
  }

  #keep(request: FastifyRequest): void {
    const { socket } = request.raw;
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
  }

  #knows(authorization: string | undefined): boolean {
    if (this.token === null) return true;
    const expected = Buffer.from(`Bearer ${this.token.reveal()}`);
    const given = Buffer.from(authorization ?? '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

function send(reply: FastifyReply, { status, body }: Answer): void {
  const type = status >= 400 ? 'application/problem+json' : JSON_TYPE['content-type'];
  void reply.status(status).header('content-type', type).send(Buffer.from(body));
}

/** RFC 9457; the title never changes with the record, so that whoever logs it logs no data. */
export function problem(status: number, title: string, more: Readonly<Record<string, string>> = {}): Answer {
  return { status, body: JSON.stringify({ type: 'about:blank', title, status, ...more }) };
}
