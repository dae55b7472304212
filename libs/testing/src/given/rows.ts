import { randomUUID } from 'node:crypto';
import { crmTopic, FINISHED, recordKey, type DeliveryStatus, type ErrorClass } from '#contracts';
import type { Queryable } from '#db';

/** What a test says of an event; the rest is filled in. */
export interface GivenEvent {
  tenant?: string;
  source?: string;
  entity?: string;
  recordId?: string;
  eventId?: string;
  type?: string;
  version?: bigint;
  sourceVersion?: bigint;
  /** seconds ago */
  age?: number;
  /** handed to the log; default true */
  published?: boolean;
  payload?: Buffer;
  replayOf?: string;
}

export interface Event {
  eventId: string;
  outboxId: bigint;
  tenant: string;
  source: string;
  entity: string;
  recordId: string;
  key: string;
  type: string;
  version: bigint;
  sourceVersion?: bigint;
  acceptedAt: Date;
}

export interface GivenDelivery {
  flow: string;
  connection: string;
  document: string;
  status?: DeliveryStatus;
  errorClass?: ErrorClass;
  error?: string;
  targetId?: string;
  adopted?: boolean;
  amount?: string;
  currency?: string;
  fanOut?: number;
  /** seconds from accepted to finished; default 0.1 */
  took?: number;
  waitingFor?: unknown;
}

/**
 * Rows as the stages would have left them, for tests of what reads them. Each builder writes the rows of one hop, so a test
 * can stop anywhere between capture and delivery.
 */
export const given = {
  /** A row of the outbox, as the library or the normaliser appends it. */
  async event(db: Queryable, event: GivenEvent = {}): Promise<Event> {
    const full = fill(event);
    const acceptedAt = new Date(Date.now() - (event.age ?? 0) * 1_000);
    const headers = {
      ce_specversion: '1.0',
      ce_id: full.eventId,
      ce_source: full.source,
      ce_type: full.type,
      ce_subject: full.recordId,
      ce_time: acceptedAt.toISOString(),
      ce_tenant: full.tenant,
      ce_partitionkey: full.key,
      ce_aggregateversion: String(full.version),
      ce_correlationid: full.eventId,
      ce_hopcount: '0',
      ce_acceptedat: acceptedAt.toISOString(),
      ...(full.sourceVersion === undefined ? {} : { ce_sourceversion: String(full.sourceVersion) }),
      ...(event.replayOf === undefined ? {} : { ce_replayof: event.replayOf }),
    };
    const [row] = await db.query<{ id: bigint }>(
      `insert into outbox (event_id, aggregatetype, aggregateid, type, topic, key, headers, payload, appended_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id`,
      [
        full.eventId,
        full.entity,
        full.recordId,
        full.type,
        crmTopic(full.entity),
        full.key,
        JSON.stringify(headers),
        event.payload ?? Buffer.alloc(0),
        acceptedAt,
      ],
    );
    const outboxId = row!.id;
    await db.query('insert into outbox_event (event_id, outbox_id) values ($1, $2)', [full.eventId, outboxId]);
    if (event.published ?? true)
      await db.query('update relay_cursor set high = greatest(high, $1), published = published + 1', [outboxId]);
    return { ...full, outboxId, acceptedAt };
  },

  /** A captured row; with status `published` its outbox row too. */
  async captured(
    db: Queryable,
    event: GivenEvent & { status?: 'waiting' | 'published' | 'rejected'; code?: string; reason?: string } = {},
  ): Promise<{ capturedId: bigint; event: Event | undefined; eventId: string; key: string }> {
    const full = fill({ source: 'acme-crm', ...event });
    const status = event.status ?? 'published';
    const stored = status === 'published' ? await given.event(db, { ...event, ...full }) : undefined;
    const [row] = await db.query<{ id: bigint; receipt_id: string }>(
      `insert into captured (tenant, connection, source_event_id, type, entity, record_id, key, aggregate_version, source_version,
         event_id, captured_at, status, outbox_id, code, reason, decided_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, case when $12 <> 'waiting' then clock_timestamp() end)
       returning id, receipt_id`,
      [
        full.tenant,
        full.source,
        `src-${full.eventId}`,
        full.type,
        full.entity,
        full.recordId,
        full.key,
        full.version,
        full.sourceVersion ?? null,
        full.eventId,
        stored?.acceptedAt ?? new Date(Date.now() - (event.age ?? 0) * 1_000),
        status,
        stored?.outboxId ?? null,
        event.code ?? null,
        event.reason ?? null,
      ],
    );
    await db.query(
      `insert into captured_key (tenant, connection, source_event_id, captured_id, receipt_id, fingerprint)
       values ($1, $2, $3, $4, $5, '\\x00')`,
      [full.tenant, full.source, `src-${full.eventId}`, row!.id, row!.receipt_id],
    );
    return { capturedId: row!.id, event: stored, eventId: full.eventId, key: full.key };
  },

  /** A delivery of an event as intake stores it, in the status asked for. */
  async delivery(db: Queryable, event: Event, delivery: GivenDelivery): Promise<bigint> {
    const { status = 'PENDING' } = delivery;
    const finished = FINISHED.has(status)
      ? new Date(event.acceptedAt.getTime() + (delivery.took ?? 0.1) * 1_000)
      : null;
    const [lane] = await db.query<{ id: bigint }>(
      `insert into lane (connection, document, key) values ($1, $2, $3)
       on conflict (connection, document, key) do update set key = excluded.key returning id`,
      [delivery.connection, delivery.document, event.key],
    );
    const [row] = await db.query<{ id: bigint }>(
      `insert into delivery (lane_id, document_id, event_id, event_type, source, flow, connection, document, key, tenant, entity,
         record_id, aggregate_version, source_version, kind, status, error_class, error, bundle, fan_out, target_id, adopted, amount,
         currency, waiting_for, topic, "partition", "offset", event_topic, event_partition, event_offset, event_logged_at, accepted_at,
         finished_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'document', $15, $16, $17, 'bundle', $18, $19, $20, $21, $22,
         $23, 'erp.x.y.v1', 0, $24, $25, 0, $24, $26, $26, $27)
       returning id`,
      [
        lane!.id,
        randomUUID(),
        event.eventId,
        event.type,
        event.source,
        delivery.flow,
        delivery.connection,
        delivery.document,
        event.key,
        event.tenant,
        event.entity,
        event.recordId,
        event.version,
        event.sourceVersion ?? null,
        status,
        delivery.errorClass ?? null,
        delivery.error ?? null,
        delivery.fanOut ?? 1,
        delivery.targetId ?? null,
        delivery.adopted ?? false,
        delivery.amount ?? null,
        delivery.currency ?? null,
        delivery.waitingFor === undefined ? null : JSON.stringify(delivery.waitingFor),
        event.outboxId,
        crmTopic(event.entity),
        event.acceptedAt,
        finished,
      ],
    );
    await db.query(`insert into delivery_key (event_id, flow, delivery_id, body_hash) values ($1, $2, $3, '\\x00')`, [
      event.eventId,
      delivery.flow,
      row!.id,
    ]);
    return row!.id;
  },

  /** One request of a delivery. */
  async attempt(
    db: Queryable,
    deliveryId: bigint,
    attempt: { n?: number; outcome?: string; httpStatus?: number; evidence?: unknown[]; operation?: string } = {},
  ): Promise<void> {
    await db.query(
      `insert into attempt (delivery_id, n, revision, operation, request_key, request_hash, content_hash, gave_up_at, token,
         holder, outcome, http_status, evidence, ended_at)
       values ($1, $2, 1, $3, 'request', '\\x00', '\\x00', clock_timestamp(), 1, 'test', $4, $5, $6, case when $4::text is not null then clock_timestamp() end)`,
      [
        deliveryId,
        attempt.n ?? 1,
        attempt.operation ?? 'create',
        attempt.outcome ?? null,
        attempt.httpStatus ?? null,
        JSON.stringify(attempt.evidence ?? []),
      ],
    );
    await db.query('update delivery set attempts = attempts + 1 where id = $1', [deliveryId]);
  },

  /** What a held delivery waits for. */
  async wait(
    db: Queryable,
    deliveryId: bigint,
    on: { connection: string; kind: 'reference' | 'value'; name: string; key: string },
  ): Promise<void> {
    const [row] = await db.query<{ id: bigint }>(
      `insert into dependency (connection, kind, name, key) values ($1, $2, $3, $4)
       on conflict (connection, kind, name, key) do update set key = excluded.key returning id`,
      [on.connection, on.kind, on.name, on.key],
    );
    await db.query('insert into dependency_wait (dependency_id, delivery_id) values ($1, $2)', [row!.id, deliveryId]);
  },
};

function fill(event: GivenEvent): Omit<Event, 'outboxId' | 'acceptedAt'> {
  const tenant = event.tenant ?? 'acme';
  const entity = event.entity ?? 'order';
  const recordId = event.recordId ?? `sb-${randomUUID()}`;
  return {
    tenant,
    entity,
    recordId,
    source: event.source ?? 'sandbox-crm',
    eventId: event.eventId ?? randomUUID(),
    key: recordKey(tenant, entity, recordId),
    type: event.type ?? `crm.${entity}.updated`,
    version: event.version ?? 1n,
    sourceVersion: event.sourceVersion,
  };
}
