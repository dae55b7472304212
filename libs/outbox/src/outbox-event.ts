/** What a service says when it changed a record. It never says a version: that is drawn under the record's lock. */
export interface OutboxEvent {
  /** the connection with `connector: outbox` it speaks for */
  connection: string;
  /** `crm.<entity>.<past tense>`; the leading `crm.` may be left out */
  type: string;
  /** canonical entity; default: the part of `type` before the last dot */
  entity?: string;
  /** the service's own id of the record, without the connection's idPrefix; at most 512 bytes */
  recordId: string;
  /**
   * The full state of the record in the JSON form of the canonical model, as a plain object (Decimal, bigint and Date
   * allowed, undefined left out) or as JSON text.
   */
  data: object | string;
  /** the service's own id of this change; a second append with the same one appends nothing; at most 1,024 bytes. Default: the drawn version */
  eventId?: string;
  /** the service's version of the record, where it counts one */
  sourceVersion?: bigint;
  /** when it happened, in the years 1 to 9999; default now */
  occurredAt?: Date;
  /** of these each at most 1,024 bytes; default of the first: the event's own id */
  correlationId?: string;
  causationId?: string;
  traceparent?: string;
}

export interface AppendedEvent {
  /** uuid, derived from the fact */
  eventId: string;
  outboxId: bigint;
  /** null for a duplicate */
  version: bigint | null;
  duplicate: boolean;
}
