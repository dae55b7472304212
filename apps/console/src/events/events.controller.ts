import { Controller, Get, Param, Query } from '@nestjs/common';
import { recordKey } from '#contracts';
import type { Queryable } from '#db';
import { Permission, ProblemError } from '#platform';
import { long } from '../api/json.ts';
import { afterOf, badFilter, limitOf, readQuery, type Query as QueryOf } from '../api/query.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { eventsOfIds, eventsOfKeys, newestEvents, type EventRow } from './events-of-record.ts';
import { eventIdsOf, keysOfTarget } from './find.ts';
import { RecordNumbers } from './record-numbers.ts';
import { timeline, type TimelineEvent } from './timeline.ts';

const FILTERS = [
  'q',
  'recordId',
  'key',
  'number',
  'orderNumber',
  'targetId',
  'eventId',
  'entity',
  'after',
  'limit',
] as const;

interface Found {
  items: TimelineEvent[];
  next?: string;
  /** false: events that are older than what was found are still being read; ask again */
  complete: boolean;
}

/** Where is order 4711? */
@Controller('api/v1/events')
export class EventsController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #numbers: RecordNumbers;

  constructor(database: ConsoleDatabase, names: Names, numbers: RecordNumbers) {
    this.#database = database;
    this.#names = names;
    this.#numbers = numbers;
  }

  /** By record id (with or without its source's prefix), number, target id or event id; `q` is any of them. */
  @Get()
  @Permission('records.read')
  async find(@Query() query: QueryOf): Promise<Found> {
    const given = readQuery(query, FILTERS);
    if (given.entity !== undefined) this.#names.entity(given.entity);
    const limit = limitOf(given.limit);
    const { q, after, entity } = given;
    const recordId = given.recordId ?? q;
    const number = given.number ?? given.orderNumber ?? q;
    const targetId = given.targetId ?? q;
    const eventId = given.eventId ?? q;
    const asked = [recordId, number, targetId, eventId, given.key].some((one) => one !== undefined);
    if (asked && after !== undefined) throw badFilter('"after" pages the list of all events, not a search');

    const numbered = number === undefined ? { keys: [], complete: true } : await this.#numbers.find(number, entity);
    return this.#database.snapshot(async (db) => {
      if (!asked) return this.#page(db, { after, entity, limit });
      const keys = [
        ...(given.key === undefined ? [] : [given.key]),
        ...numbered.keys,
        ...(recordId === undefined ? [] : this.#keysOf(recordId, entity)),
        ...(targetId === undefined
          ? []
          : await keysOfTarget(db, targetId, [...this.#names.configuration.connections.keys()])),
      ];
      const ids = eventId === undefined ? [] : await eventIdsOf(db, eventId);
      const rows = [...(await eventsOfIds(db, ids)), ...(await eventsOfKeys(db, keys)).toReversed()];
      const unique = [...new Map(rows.map((row) => [row.event_id, row])).values()].filter(
        (row) => entity === undefined || row.entity === entity,
      );
      return { items: await timeline(db, unique.slice(0, limit)), complete: numbered.complete };
    });
  }

  @Get(':id')
  @Permission('records.read')
  async one(@Param('id') id: string): Promise<TimelineEvent> {
    return this.#database.snapshot(async (db) => {
      const [event] = await timeline(db, await eventsOfIds(db, await eventIdsOf(db, id)));
      if (event === undefined) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no event "${id}"`);
      return event;
    });
  }

  async #page(db: Queryable, page: { after?: string; entity?: string; limit: number }): Promise<Found> {
    const after = afterOf(page.after);
    const rows: EventRow[] = await newestEvents(db, { after, entity: page.entity, limit: page.limit + 1 });
    const shown = rows.slice(0, page.limit);
    const next = rows.length > page.limit ? long(shown.at(-1)!.outbox_id) : undefined;
    return { items: await timeline(db, shown), next, complete: true };
  }

  #keysOf(recordId: string, entity: string | undefined): string[] {
    const entities = entity === undefined ? this.#names.entities : [entity];
    return entities.flatMap((one) =>
      this.#names.candidates(recordId).map((id) => recordKey(this.#names.configuration.tenant, one, id)),
    );
  }
}
