import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Permission } from '#platform';
import { readBody, textField } from '../body.ts';
import { Gate } from '../gate.ts';
import { Ledger } from '../ledger.ts';
import { limitOf, requestKeyOf } from '../request.ts';
import { Journal } from './journal.ts';

/** The pretend finance system: balanced entries, and idempotency keys that work. */
@Controller('finance')
@Permission('public')
export class FinanceController {
  constructor(
    private readonly gate: Gate,
    private readonly journal: Journal,
    private readonly ledger: Ledger,
  ) {}

  @Get('health')
  health(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, '', () => ({ status: 200, body: '{"status":"ok"}' }));
  }

  @Post('journal-entries')
  post(@Body() bytes: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = readBody(bytes);
    return this.#pass(request, reply, textField(body, 'externalId'), () =>
      this.journal.post(body, requestKeyOf(request), (effect) => this.ledger.append(effect)),
    );
  }

  @Post('journal-entries/:id/reversal')
  reverse(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, this.journal.keyOf(id), () =>
      this.journal.reverse(id, requestKeyOf(request), (effect) => this.ledger.append(effect)),
    );
  }

  @Get('journal-entries/:id')
  entry(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, '', () => this.journal.entry(id));
  }

  @Get('journal-entries')
  entries(
    @Query('externalId') externalId: string | undefined,
    @Query('limit') limit: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#pass(request, reply, externalId ?? '', () => this.journal.list(externalId, limitOf(limit)));
  }

  #pass(
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    apply: Parameters<Gate['handle']>[3],
  ): Promise<void> {
    const path = request.url.replace(/^\/finance/, '');
    return this.gate.handle(request, reply, { system: 'finance', method: request.method, path, key }, apply);
  }
}
