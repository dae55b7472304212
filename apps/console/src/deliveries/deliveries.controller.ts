import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Permission, ProblemError } from '#platform';
import { long } from '../api/json.ts';
import { rowId, type Query as QueryOf } from '../api/query.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { deliveryDetail } from './detail.ts';
import { documentText } from './document.ts';
import { deliveryItem, type DeliveryItem } from './delivery-row.ts';
import { readDeliveryFilter } from './filter.ts';
import { deliveryPage } from './page.ts';

@Controller('api/v1/deliveries')
export class DeliveriesController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;

  constructor(database: ConsoleDatabase, names: Names) {
    this.#database = database;
    this.#names = names;
  }

  @Get()
  @Permission('deliveries.read')
  async list(@Query() query: QueryOf): Promise<{ items: DeliveryItem[]; next?: string }> {
    const { rows, next } = await deliveryPage(this.#database.database, readDeliveryFilter(query, this.#names));
    return { items: rows.map(deliveryItem), next: long(next) };
  }

  @Get(':id/document')
  @Permission('records.read')
  async document(@Param('id') id: string, @Res() reply: FastifyReply): Promise<void> {
    const text = await documentText(this.#database.database, rowId(id, 'delivery'));
    if (text === undefined) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no delivery "${id}"`);
    void reply.type('application/json; charset=utf-8').send(text);
  }

  @Get(':id')
  @Permission('deliveries.read')
  async one(@Param('id') id: string): Promise<unknown> {
    const delivery = await this.#database.snapshot((db) => deliveryDetail(db, rowId(id, 'delivery')));
    if (delivery === undefined) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no delivery "${id}"`);
    return delivery;
  }
}
