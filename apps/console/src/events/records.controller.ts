import { Controller, Get, Param } from '@nestjs/common';
import { recordKey } from '#contracts';
import type { Queryable } from '#db';
import { Permission, ProblemError } from '#platform';
import { storable } from '../api/query.ts';
import { ConsoleDatabase } from '../console-database.ts';
import type { DeliveryDetail } from '../deliveries/detail.ts';
import { Names } from '../names.ts';
import { eventsOfKeys, knownKeys } from './events-of-record.ts';
import { timeline, type TimelineEvent } from './timeline.ts';
import { writtenBack } from './written-back.ts';

@Controller('api/v1/records')
export class RecordsController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;

  constructor(database: ConsoleDatabase, names: Names) {
    this.#database = database;
    this.#names = names;
  }

  @Get(':entity/:id')
  @Permission('records.read')
  record(
    @Param('entity') entity: string,
    @Param('id') given: string,
  ): Promise<{ entity: string; id: string; events: TimelineEvent[]; writtenBack: DeliveryDetail[] }> {
    this.#names.entity(entity);
    return this.#database.snapshot(async (db) => {
      const id = await this.#idOf(db, entity, given);
      const key = recordKey(this.#names.configuration.tenant, entity, id);
      const events = await eventsOfKeys(db, [key]);
      return { entity, id, events: await timeline(db, events), writtenBack: await writtenBack(db, key) };
    });
  }

  /** The id as given; if nothing is known of it, the only one that a source's prefix makes of it. */
  async #idOf(db: Queryable, entity: string, given: string): Promise<string> {
    const { tenant } = this.#names.configuration;
    const ids = this.#names.candidates(given).filter(storable);
    const known = new Set(
      await knownKeys(
        db,
        ids.map((id) => recordKey(tenant, entity, id)),
      ),
    );
    const found = ids.filter((id) => known.has(recordKey(tenant, entity, id)));
    if (found.includes(given)) return given;
    if (found.length === 1) return found[0]!;
    if (found.length > 1)
      throw new ProblemError(
        409,
        'CROSSDOCK_API_AMBIGUOUS',
        `"${given}" is the id of several records: ${found.join(', ')}; ask for one of them`,
        { ids: found },
      );
    throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `nothing is known of ${entity} "${given}"`);
  }
}
