import { Inject, Injectable } from '@nestjs/common';
import { headersToEnvelope, type Envelope } from '#contracts';
import type { Queryable } from '#db';
import { ENVIRONMENT, type Environment } from '#platform';
import { avroReader, confluentRegistry, fileRegistry, type ReadValue, type SchemaRegistry } from '#schema';
import { Mappings } from './mappings.ts';

export interface EventRecord {
  entity: string;
  envelope: Envelope;
  value: ReadValue;
}

const BY_ID = `
  select o.aggregatetype as entity, o.headers, o.payload, o.appended_at from outbox_event x join outbox o on o.id = x.outbox_id
  where x.event_id = $1 and o.topic like 'crm.%'`;

interface Row {
  entity: string;
  headers: Record<string, string>;
  payload: Buffer | null;
  appended_at: Date;
}

/** Reads the canonical record of past events, whichever version of the schema wrote it. */
@Injectable()
export class EventRecords {
  readonly #mappings: Mappings;
  readonly #registry: SchemaRegistry;
  readonly #readers = new Map<string, (value: Buffer) => Promise<ReadValue>>();

  constructor(mappings: Mappings, @Inject(ENVIRONMENT) environment: Environment) {
    const { schemas } = mappings;
    this.#mappings = mappings;
    this.#registry = environment.schemaRegistryUrl
      ? confluentRegistry(environment.schemaRegistryUrl, schemas)
      : fileRegistry(schemas);
  }

  /** One event by its id, or undefined. */
  async event(db: Queryable, id: string): Promise<EventRecord | undefined> {
    const [row] = await db.query<Row>(BY_ID, [id]);
    if (row === undefined) return undefined;
    const envelope = headersToEnvelope({ ce_acceptedat: row.appended_at.toISOString(), ...row.headers });
    return { entity: row.entity, envelope, value: await this.read(row.entity, row.payload) };
  }

  async read(entity: string, payload: Buffer | null): Promise<ReadValue> {
    const schema = this.#mappings.schemas.canonical(entity);
    if (schema === undefined || payload === null) return { ok: false, reason: 'there is nothing to read' };
    let reader = this.#readers.get(entity);
    if (reader === undefined) this.#readers.set(entity, (reader = avroReader(schema, this.#registry)));
    return reader(payload);
  }
}
