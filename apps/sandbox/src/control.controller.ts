import { Body, Controller, Delete, Get, HttpCode, type OnModuleDestroy, Put, Query } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Permission, ProblemError } from '#platform';
import { FAULT_PLAN, FaultPlan } from './faults.ts';
import { Gate } from './gate.ts';
import { type Effect, Ledger } from './ledger.ts';

/** The sandbox's own side, for whoever tests with it: what goes wrong, and what really happened. */
@Controller()
@Permission('sandbox')
export class ControlController implements OnModuleDestroy {
  #door: NodeJS.Timeout | undefined;

  constructor(
    private readonly faults: FaultPlan,
    private readonly ledger: Ledger,
    private readonly gate: Gate,
    private readonly adapter: HttpAdapterHost,
  ) {}

  @Put('faults')
  put(@Body() bytes: unknown): object {
    const plan = FAULT_PLAN.safeParse(parse(bytes));
    if (!plan.success) {
      const why = plan.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
      throw new ProblemError(400, 'CROSSDOCK_SANDBOX_FAULTS', why);
    }
    this.faults.replace(plan.data);
    if (plan.data.refuseMs !== undefined) this.#refuse(plan.data.refuseMs);
    return this.faults.show();
  }

  @Get('faults')
  get(): object {
    return this.faults.show();
  }

  @Delete('faults')
  @HttpCode(204)
  clear(): void {
    this.faults.replace(FAULT_PLAN.parse({}));
  }

  @Get('load')
  load(): object {
    return this.gate.load();
  }

  @Delete('load')
  @HttpCode(204)
  forgetLoad(): void {
    this.gate.forgetLoad();
  }

  /** In order; `after` is the last `n` seen. `system` and `key` narrow it down; `bodies=true` adds what was sent. */
  @Get('ledger')
  async effects(
    @Query('system') system?: string,
    @Query('key') key?: string,
    @Query('after') after?: string,
    @Query('bodies') bodies?: string,
  ): Promise<{ effects: Effect[]; last: number }> {
    await this.ledger.flushed();
    const effects = bodies === 'true' ? await this.ledger.read() : this.ledger.effects;
    const from = after !== undefined && /^\d{1,12}$/.test(after) ? Number(after) : 0;
    const chosen = effects
      .slice(from)
      .filter((effect) => (!system || effect.system === system) && (key === undefined || effect.key === key));
    return { effects: chosen, last: effects.length };
  }

  /** Closes the door after this answer has left and opens the same one again later. */
  #refuse(ms: number): void {
    const server = this.adapter.httpAdapter.getHttpServer() as Server;
    const { port, address } = server.address() as AddressInfo;
    clearTimeout(this.#door);
    this.#door = setTimeout(() => {
      server.close();
      server.closeAllConnections();
      this.#door = setTimeout(() => server.listen(port, address), ms);
    }, 50);
  }

  onModuleDestroy(): void {
    clearTimeout(this.#door);
  }
}

function parse(bytes: unknown): unknown {
  try {
    return JSON.parse(Buffer.isBuffer(bytes) ? bytes.toString('utf8') : '{}');
  } catch {
    return undefined;
  }
}
