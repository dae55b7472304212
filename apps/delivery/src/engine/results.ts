import {
  Decimal,
  eventId,
  FINISHED,
  finishedWord,
  RESULT_ENTITY,
  RESULT_TOPIC,
  RESULT_TYPE,
  type DeliveryStatus,
} from '#contracts';
import type { Transaction } from '#db';
import { appendEvents, type EncodedEvent } from '#outbox';
import { frame, type AvroSchema, type SchemaRegistry, type SchemaSet } from '#schema';
import { DRAW_RESULT_VERSIONS } from '../sql/results.ts';
import type { SettledRow } from '../sql/settle.ts';

const isFinal = (status: DeliveryStatus): boolean => FINISHED.has(status) || status === 'PARKED' || status === 'DEAD';

/** Writes `sync.result.v1` through the outbox, in the transaction that makes a delivery final. */
export class ResultWriter {
  readonly #schema: AvroSchema;
  readonly #schemaId: () => Promise<number>;

  constructor(schemas: SchemaSet, registry: SchemaRegistry) {
    const schema = schemas.avro('envelope/sync-result');
    if (schema === undefined) throw new Error('schemas/envelope/sync-result.avsc is missing');
    this.#schema = schema;
    let id: Promise<number> | undefined;
    this.#schemaId = () => {
      id ??= registry.idOf('envelope/sync-result').catch((error: unknown) => {
        id = undefined;
        throw error;
      });
      return id;
    };
  }

  /** Asks the registry, so that no transaction waits for it. */
  async ready(): Promise<void> {
    await this.#schemaId();
  }

  /**
   * Those of `rows` that are final get a result each, with a version of their own per record. A write-back gets none: its result
   * would be written back, and so on.
   */
  async write(tx: Transaction, rows: readonly SettledRow[]): Promise<void> {
    const final = rows.filter((row) => isFinal(row.status) && !row.event_type.startsWith(RESULT_TYPE));
    if (final.length === 0) return;
    const schemaId = await this.#schemaId();
    const counts = new Map<string, bigint>();
    for (const { key } of final) counts.set(key, (counts.get(key) ?? 0n) + 1n);
    const drawn = await tx.query<{ key: string; version: bigint; generation: number }>(DRAW_RESULT_VERSIONS, [
      [...counts.keys()],
      [...counts.values()],
    ]);
    const next = new Map(drawn.map(({ key, version }) => [key, version - counts.get(key)! + 1n]));
    const events = final.map((row) => {
      const version = next.get(row.key)!;
      next.set(row.key, version + 1n);
      return this.#event(row, version, drawn[0]!.generation, schemaId);
    });
    await appendEvents(tx, events);
  }

  /** After a restore versions that the log knows are drawn once more, for other results: the generation is of the id. */
  #event(row: SettledRow, version: bigint, generation: number, schemaId: number): EncodedEvent {
    const word = finishedWord(row.status, row.adopted);
    const body = this.#schema.encode({
      tenant: row.tenant,
      flow: row.flow,
      target: row.connection,
      document: row.document,
      documentId: row.document_id,
      key: row.key,
      entity: row.entity,
      recordId: row.record_id,
      source: row.source,
      eventId: row.event_id,
      eventType: row.event_type,
      replayOf: row.replay_of,
      aggregateVersion: row.aggregate_version,
      sourceVersion: row.source_version,
      resultVersion: version,
      status: row.status,
      outcome: word ?? null,
      errorClass: row.error_class,
      error: row.error,
      httpStatus: row.http_status,
      targetId: row.target_id,
      attempts: row.attempts,
      revision: row.revision,
      bundle: row.bundle,
      correlationId: row.correlation_id,
      acceptedAt: row.accepted_at,
      finishedAt: row.finished_at,
      amount: row.amount === null ? null : new Decimal(row.amount),
      currency: row.currency,
    });
    return {
      topic: RESULT_TOPIC,
      entity: RESULT_ENTITY,
      payload: frame(schemaId, body),
      envelope: {
        id: eventId({
          tenant: row.tenant,
          source: 'crossdock',
          entity: RESULT_ENTITY,
          recordId: row.key,
          sourceEventId: generation === 0 ? String(version) : `${generation}:${version}`,
        }),
        source: row.source,
        flow: row.flow,
        type: `${RESULT_TYPE}${(word ?? row.status).toLowerCase()}`,
        subject: row.record_id,
        time: row.finished_at.toISOString(),
        dataschema: 'envelope/sync-result',
        tenant: row.tenant,
        partitionkey: row.key,
        aggregateversion: version,
        correlationid: row.correlation_id ?? row.event_id,
        causationid: row.event_id,
        hopcount: row.hop_count,
        traceparent: row.traceparent ?? undefined,
        acceptedat: row.finished_at.toISOString(),
      },
    };
  }
}
