import { Body, Controller, Get, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Permission } from '#platform';
import { readBody, textField } from '../body.ts';
import { FaultPlan } from '../faults.ts';
import { Gate } from '../gate.ts';
import { Ledger, type NewEffect } from '../ledger.ts';
import { limitOf, requestKeyOf } from '../request.ts';
import { ErpBook } from './book.ts';

/** The pretend ERP. It does what ordinary ERPs do: it refuses unknown customers, and books an order twice if told twice. */
@Controller('erp')
@Permission('public')
export class ErpController {
  readonly #record = (effect: NewEffect) => this.ledger.append(effect);

  constructor(
    private readonly gate: Gate,
    private readonly book: ErpBook,
    private readonly ledger: Ledger,
    private readonly faults: FaultPlan,
  ) {}

  @Get('health')
  health(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, '', () => ({ status: 200, body: '{"status":"ok"}' }));
  }

  // A wildcard, because a parameter longer than 100 characters would be answered by 404, which reads as absence.
  @Put('customers/*')
  putCustomer(
    @Param('*') key: string,
    @Body() bytes: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#pass(request, reply, key, () =>
      this.book.putCustomer(key, readBody(bytes), requestKeyOf(request), this.#record),
    );
  }

  @Get('customers/*')
  customer(@Param('*') key: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, key, () => this.book.customer(key));
  }

  @Get('customers')
  customers(
    @Query('limit') limit: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#pass(request, reply, '', () => this.book.listCustomers(limitOf(limit)));
  }

  @Post('sales-orders')
  createOrder(@Body() bytes: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = readBody(bytes);
    return this.#pass(request, reply, textField(body, 'externalId'), () =>
      this.book.createOrder(body, requestKeyOf(request), this.faults.uniqueOrders, this.#record),
    );
  }

  @Put('sales-orders/:id')
  updateOrder(
    @Param('id') id: string,
    @Body() bytes: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#pass(request, reply, this.book.keyOfOrder(id), () =>
      this.book.updateOrder(id, readBody(bytes), requestKeyOf(request), this.#record),
    );
  }

  @Post('sales-orders/:id/cancel')
  cancelOrder(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, this.book.keyOfOrder(id), () =>
      this.book.cancelOrder(id, requestKeyOf(request), this.#record),
    );
  }

  @Get('sales-orders/:id')
  order(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pass(request, reply, this.book.keyOfOrder(id), () => this.book.order(id));
  }

  @Get('sales-orders')
  orders(
    @Query('externalId') externalId: string | undefined,
    @Query('limit') limit: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#pass(request, reply, externalId ?? '', () => this.book.listOrders(externalId, limitOf(limit)));
  }

  #pass(
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    apply: Parameters<Gate['handle']>[3],
  ): Promise<void> {
    const path = request.url.replace(/^\/erp/, '');
    return this.gate.handle(request, reply, { system: 'erp', method: request.method, path, key }, apply);
  }
}
