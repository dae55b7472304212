import {
  CRM_ENTITIES,
  CrossdockError,
  crmTopic,
  entityOfType,
  eventId,
  recordKey,
  type Connection,
  type Envelope,
  type ErrorCode,
} from '#contracts';
import type { EntityManager, Queryable, Statement } from '#db';
import {
  isBadText,
  MAX_EVENT_ID,
  MAX_RECORD_ID,
  MAX_TYPE,
  type AvroSchema,
  type SchemaRegistry,
  type SchemaSet,
} from '#schema';
import { appendEvents, type EncodedEvent } from './append-event.ts';
import { findEvents } from './append-rows.ts';
import { drawVersions, type DrawnVersion } from './draw-version.ts';
import type { AppendedEvent, OutboxEvent } from './outbox-event.ts';
import { toExactJson } from './to-exact-json.ts';

export interface OutboxOptions {
  tenant: string;
  connections: ReadonlyMap<string, Connection>;
  schemas: SchemaSet;
  registry: SchemaRegistry;
}

/** Ids made of the drawn version begin like this; a service's own must not. */
const OWN = 'crossdock:';
/** As much as capture takes in; topics take twice that. */
const MAX_PAYLOAD = 1024 * 1024;

/** An event checked and encoded; only its version is open. */
interface Prepared {
  key: string;
  topic: string;
  entity: string;
  sourceEventId?: string;
  fact: { tenant: string; source: string; entity: string; recordId: string };
  envelope: Omit<Envelope, 'id' | 'aggregateversion' | 'sourceversion' | 'hopcount' | 'correlationid'>;
  sourceVersion?: bigint;
  correlationId?: string;
  payload: Buffer;
}

/**
 * The library a service appends with, inside its own transaction on Crossdock's database: its change and the event are
 * committed together or not at all. Safe to call in parallel, each call with the manager of its transaction.
 */
export class Outbox {
  readonly #options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Asks the registry for the ids of all canonical schemas. Throws retryable errors while it cannot be reached. */
  async ready(): Promise<void> {
    const { schemas, registry } = this.#options;
    const wanted = CRM_ENTITIES.filter((entity) => schemas.canonical(entity));
    await Promise.all(wanted.map((entity) => registry.idOf(`canonical/${entity}`)));
  }

  /**
   * Appends one event. Throws `CROSSDOCK_OUTBOX_NO_TRANSACTION` outside a transaction, `..._UNKNOWN_CONNECTION`,
   * `..._UNKNOWN_ENTITY`, `..._TOO_LARGE`, `..._DATA` (naming the path) for what cannot become an event: the transaction should then roll
   * back. The record's row stays locked until the transaction ends: append late in it.
   */
  async append(manager: EntityManager, event: OutboxEvent): Promise<AppendedEvent> {
    const [appended] = await this.appendAll(manager, [event]);
    return appended!;
  }

  /**
   * Appends several events in the order given. Their records are locked in key order, so two such calls cannot wait for
   * each other; separate calls of `append` in one transaction can, and PostgreSQL then ends one of them (40P01).
   */
  async appendAll(manager: EntityManager, events: readonly OutboxEvent[]): Promise<AppendedEvent[]> {
    if (!manager.queryRunner?.isTransactionActive)
      throw refused('NO_TRANSACTION', 'there is no transaction: call it with the manager that `transaction` hands you');
    const tx = queryable(manager);
    const prepared = await Promise.all(events.map((event) => this.#prepare(event)));
    const known = await this.#known(tx, prepared);
    const fresh = prepared.filter((event) => !known.has(givenId(event) ?? ''));
    const drawn = await drawVersions(tx, fresh);
    const encoded = fresh.map((event, at) => complete(event, drawn[at]!));
    const appended = await appendEvents(tx, encoded);
    const done = new Map(
      fresh.map((event, at): [Prepared, AppendedEvent] => [
        event,
        {
          eventId: encoded[at]!.envelope.id,
          outboxId: appended[at]!.outboxId,
          version: appended[at]!.duplicate ? null : drawn[at]!.version,
          duplicate: appended[at]!.duplicate,
        },
      ]),
    );
    return prepared.map((event) => {
      const id = givenId(event)!;
      return done.get(event) ?? { eventId: id, outboxId: known.get(id)!, version: null, duplicate: true };
    });
  }

  /** Looked up before the versions are drawn, so that a repeat draws none. */
  async #known(tx: Queryable, prepared: readonly Prepared[]): Promise<Map<string, bigint>> {
    const ids = prepared.map(givenId).filter((id) => id !== undefined);
    return ids.length === 0 ? new Map() : findEvents(tx, ids);
  }

  async #prepare(event: OutboxEvent): Promise<Prepared> {
    const { tenant, connections, registry } = this.#options;
    const connection = connections.get(event.connection);
    if (connection?.connector !== 'outbox')
      throw refused('UNKNOWN_CONNECTION', `no connection ${event.connection} with \`connector: outbox\` is configured`);
    const type = event.type.startsWith('crm.') ? event.type : `crm.${event.type}`;
    const entity = event.entity ?? entityOfType(type);
    const schema = this.#options.schemas.canonical(entity);
    if (!schema) throw refused('UNKNOWN_ENTITY', `there is no canonical entity ${entity}`);
    refuseUnfit('type', event.type, MAX_TYPE);
    refuseUnfit('recordId', event.recordId, MAX_RECORD_ID);
    if (event.eventId !== undefined) refuseUnfit('eventId', event.eventId, MAX_EVENT_ID);
    for (const name of ['correlationId', 'causationId', 'traceparent'] as const)
      if (event[name]) refuseUnfit(name, event[name], MAX_EVENT_ID); // an empty one is none
    if (event.eventId?.startsWith(OWN)) throw refused('DATA', `an eventId must not begin with ${OWN}`);
    const recordId = connection.idPrefix + event.recordId;
    const payload = encode(schema, await registry.idOf(schema.name), event.data, connection, recordId);
    const key = recordKey(tenant, entity, recordId);
    return {
      key,
      topic: crmTopic(entity),
      entity,
      sourceEventId: event.eventId,
      fact: { tenant, source: connection.name, entity, recordId },
      envelope: {
        source: connection.name,
        type,
        subject: recordId,
        time: instant(event.occurredAt ?? new Date()),
        dataschema: schema.name,
        tenant,
        partitionkey: key,
        causationid: event.causationId,
        traceparent: event.traceparent,
      },
      sourceVersion: event.sourceVersion,
      correlationId: event.correlationId,
      payload,
    };
  }
}

/** Never the text itself: an id may say more of a person than a message should. */
function refuseUnfit(name: string, text: string, most: number): void {
  if (text === '' || isBadText(text))
    throw refused('DATA', `${name} is empty, or holds NUL or half of a surrogate pair`);
  if (Buffer.byteLength(text) > most) throw refused('DATA', `${name} is longer than ${most} bytes`);
}

/** As capture takes them: any other year has no four digits, and PostgreSQL reads it as something else or not at all. */
function instant(at: Date): string {
  const year = at.getUTCFullYear();
  if (!(year >= 1 && year <= 9999))
    throw refused('DATA', 'occurredAt must be a valid date in the years 1 to 9999 (UTC)');
  return at.toISOString();
}

function encode(
  schema: AvroSchema,
  id: number,
  data: object | string,
  connection: Connection,
  recordId: string,
): Buffer {
  const read = schema.fromJson(toExactJson(data), { zone: connection.zone, idPrefix: connection.idPrefix });
  if (!read.ok) throw refused('DATA', read.message);
  if (read.unknown.length > 0) throw refused('DATA', `${schema.name} has no field ${read.unknown.join(', ')}`);
  if (read.record['id'] !== recordId) throw refused('DATA', "the data's id is not the recordId");
  const payload = schema.encodeFramed(id, read.record);
  if (payload.length > MAX_PAYLOAD) throw refused('TOO_LARGE', `the record is larger than ${MAX_PAYLOAD} bytes`);
  return payload;
}

function givenId({ sourceEventId, fact }: Prepared): string | undefined {
  return sourceEventId === undefined ? undefined : eventId({ ...fact, sourceEventId });
}

function complete(event: Prepared, drawn: DrawnVersion): EncodedEvent {
  const version = drawn.generation === 0 ? `${drawn.version}` : `${drawn.generation}:${drawn.version}`;
  const id = givenId(event) ?? eventId({ ...event.fact, sourceEventId: `${OWN}version:${version}` });
  return {
    topic: event.topic,
    entity: event.entity,
    payload: event.payload,
    envelope: {
      ...event.envelope,
      id,
      aggregateversion: drawn.version,
      sourceversion: drawn.sourceVersion,
      correlationid: event.correlationId ?? id,
      hopcount: drawn.hopCount,
    },
  };
}

/** The service's own connection, whatever its search path and column types are. */
function queryable(manager: EntityManager): Queryable {
  return {
    query: <Row>(sql: string | Statement, params: readonly unknown[] = []) =>
      manager.query(typeof sql === 'string' ? sql : sql.text, [...params]) as Promise<Row[]>,
  };
}

function refused(what: string, why: string): CrossdockError {
  return new CrossdockError(`CROSSDOCK_OUTBOX_${what}` satisfies ErrorCode, `appending an event: ${why}`);
}
