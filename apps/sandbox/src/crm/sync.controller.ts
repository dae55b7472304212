import { Body, Controller, Get, Param, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Permission, ProblemError } from '#platform';
import { readBody } from '../body.ts';
import { type Answer, type Apply, Gate, problem } from '../gate.ts';
import { CrmService } from './crm.service.ts';
import { SYNC_STATUS, type SyncStatus } from './input.ts';

/**
 * The CRM as a target: where Crossdock writes back what became of a record. Behind the gate, so that the fault plan reaches it
 * (`"system": "crm"`); what people do in the CRM does not pass there.
 */
@Controller('crm')
@Permission('public')
export class CrmSyncController {
  constructor(
    private readonly gate: Gate,
    private readonly crm: CrmService,
  ) {}

  @Get('health')
  health(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, '', () => ({ status: 200, body: '{"status":"ok"}' }));
  }

  @Put('customers/:id/sync')
  customer(
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#pass(request, reply, id, () => noted(body, (status) => this.crm.syncCustomer(id, status)));
  }

  @Put('opportunities/:id/sync')
  opportunity(
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#pass(request, reply, id, () => noted(body, (status) => this.crm.syncOpportunity(id, status)));
  }

  #pass(request: FastifyRequest, reply: FastifyReply, key: string, apply: Apply): Promise<void> {
    const path = request.url.replace(/^\/crm/, '');
    return this.gate.handle(request, reply, { system: 'crm', method: request.method, path, key }, apply);
  }
}

async function noted(body: unknown, note: (status: SyncStatus) => Promise<object>): Promise<Answer> {
  const read = SYNC_STATUS.safeParse(readBody(body)?.fields);
  if (!read.success) return problem(400, 'The body is no sync status');
  try {
    return { status: 200, body: JSON.stringify(await note(read.data)) };
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 404) return problem(404, 'No such record');
    throw error;
  }
}
