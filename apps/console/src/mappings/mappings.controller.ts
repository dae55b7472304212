import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { didYouMean } from '#contracts';
import { Permission, ProblemError } from '#platform';
import { writeExactJson } from '#schema';
import { readBody } from '../api/body.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { EventRecords } from './event-records.ts';
import { Mappings } from './mappings.ts';

const Try = z.strictObject({ eventId: z.uuid(), flow: z.string().optional() });

@Controller('api/v1/mappings')
export class MappingsController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #mappings: Mappings;
  readonly #records: EventRecords;

  constructor(database: ConsoleDatabase, names: Names, mappings: Mappings, records: EventRecords) {
    this.#database = database;
    this.#names = names;
    this.#mappings = mappings;
    this.#records = records;
  }

  /** What a past event becomes by this mapping today. Nothing is sent and nothing is stored. */
  @Post(':name/try')
  @HttpCode(200)
  @Permission('records.read')
  async try(@Param('name') name: string, @Body() body: Buffer): Promise<unknown> {
    const { eventId, flow } = readBody(body, Try);
    const { bundle } = this.#mappings;
    const mapping = bundle.mappings.get(name);
    if (mapping === undefined) {
      const names = [...bundle.mappings.keys()];
      const hint = didYouMean(name, names) ?? `there are: ${names.join(', ')}`;
      throw new ProblemError(404, 'CROSSDOCK_API_UNKNOWN_MAPPING', `there is no mapping "${name}"; ${hint}`);
    }
    if (flow !== undefined && this.#names.flow(flow).mapping !== name)
      throw new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', `the flow "${flow}" does not use the mapping "${name}"`);
    const event = await this.#records.event(this.#database.database, eventId);
    if (event === undefined) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no event "${eventId}"`);
    if (mapping.entity !== event.entity)
      throw new ProblemError(
        422,
        'CROSSDOCK_API_WRONG_ENTITY',
        `the mapping reads ${mapping.entity ?? mapping.from}, the event is about ${event.entity}`,
      );
    if (!event.value.ok) throw new ProblemError(422, 'CROSSDOCK_API_UNREADABLE', event.value.reason);
    const zone = this.#names.configuration.connections.get(event.envelope.source)?.zone ?? 'UTC';
    const mapped =
      flow === undefined
        ? bundle.mapWith(name, event.value.record, event.envelope, zone)
        : bundle.map(flow, event.value.record, event.envelope, zone);
    const head = { mapping: name, bundle: bundle.hash, eventId, kind: mapped.kind };
    if (mapped.kind !== 'document') return { ...head, reason: mapped.reason };
    return {
      ...head,
      // numbers keep every digit: they are shown as the target would get them
      document: writeExactJson(mapped.body),
      open: mapped.open,
      createOnly: mapped.createOnly,
      review: mapped.review,
    };
  }
}
