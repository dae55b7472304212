import type { ErrorClass } from './outcome.ts';

// ---------------------------------------------------------------- sources

/** A request as it came: nothing parsed yet. Header names are lower case; repeated headers are joined with `, `. */
export interface RawRequest {
  headers: Readonly<Record<string, string>>;
  /** exact bytes, inflated */
  body: Buffer;
  /** path and query as the sender used them */
  path: string;
  /** address of the peer; absent where it is not known, and then it counts as far away */
  remoteAddress?: string;
}

export type Verified =
  | { ok: true }
  /** 401; `code` is stable, the detail never says which secret was close */
  | { ok: false; code: `CROSSDOCK_CAPTURE_${string}`; detail: string };

/** One event as the sender means it, before anything is normalised. */
export interface RawEvent {
  sourceEventId: string;
  /** as sent, e.g. `customer.updated` */
  type: string;
  entity: string;
  /** as sent, without `idPrefix` */
  recordId: string;
  sourceVersion?: bigint;
  /** ISO 8601, when the source says it happened */
  occurredAt?: string;
  /** exact JSON text of the record, numbers as sent */
  data: string;
  /** hash over content without delivery fields (attempt counters, send time): "same id, same content?" */
  fingerprint: string;
  traceparent?: string;
  /** known already: it is kept, and will never become an event as it is */
  defect?: { code: `CROSSDOCK_CAPTURE_${string}`; reason: string };
}

/** One item of a request, in the order of the request: an event, or why it is none. */
export type SplitItem =
  | { ok: true; event: RawEvent }
  | { ok: false; code: `CROSSDOCK_CAPTURE_${string}`; detail: string; sourceEventId?: string };

export type Split =
  | { ok: true; items: SplitItem[] }
  /** the whole request is refused: 400 or 415 */
  | { ok: false; status: 400 | 415; code: `CROSSDOCK_CAPTURE_${string}`; detail: string };

/** One configured account of a CRM. Verify and split are pure; `now` is handed in. */
export interface Source {
  /** reads raw bytes only, in constant time where secrets are compared */
  verify(request: RawRequest, now: Date): Verified;
  split(request: RawRequest, now: Date): Split;
  /** completes a thin event; absent where events carry the full record */
  fetch?(entity: string, recordId: string, signal: AbortSignal): Promise<string>;
  /** catch-up and backfill; may repeat, never skips */
  since?(cursor: string | null, signal: AbortSignal): AsyncIterable<RawEvent>;
}

// ---------------------------------------------------------------- targets

/** What we ask a target to do. `write` is an upsert by our key. */
export type Operation = 'write' | 'create' | 'update' | 'cancel' | 'reverse';

/** Why sending twice is harmless, per operation; the author of a connector or its configuration must choose. */
export type RepeatIsSafe = 'by-idempotency-key' | 'by-external-id' | 'look-first' | 'never';

/** What a target can do with one document type, as its connector declares it. */
export interface DocumentDeclaration {
  /** document type, e.g. `salesOrder` */
  document: string;
  nature: 'state' | 'fact';
  /** facts only */
  versions?: 'once' | 'reversal' | 'each';
  /** JSON Schema of the body, e.g. `erp/sales-order` */
  schema: string;
  operations: ReadonlySet<Operation>;
  canFind: boolean;
  /** one word per operation it has; update and cancel of a known id count as repeatable by external id unless said otherwise */
  repeatIsSafe: Readonly<Partial<Record<Operation, RepeatIsSafe>>>;
  /** how long a request may still take effect after we gave up, ms */
  settleMs: number;
  /** how long the target remembers an idempotency key, ms */
  keyLifetimeMs?: number;
  /** the document key is the target's id (nothing in the answer is needed) */
  idIsKey: boolean;
  /** `reverse: { swap: [a, b] }`: the reversal is a create with these two fields of each line exchanged */
  reverseBySwap?: readonly [string, string];
}

export interface WriteRequest {
  document: string;
  operation: Operation;
  /** `{tenant}:{entity}:{record id}` */
  key: string;
  /** document id with `:adopt`, `:cancel`, `:reversal`, `:r2` appended where it is another request */
  requestKey: string;
  /** the target's id, for update, cancel and reverse */
  targetId?: string;
  /** exact JSON text, frozen with the first attempt; null where the operation has no body */
  body: string | null;
  signal: AbortSignal;
  /** called when the connection is there and nothing has been written yet; a throw aborts and nothing is sent */
  onRequestStart(): void;
}

/** How a request ended. Never a payload, never a secret in `message`. */
export type WriteResult =
  | { outcome: 'done'; targetId?: string; httpStatus?: number }
  /** a create was told that the key exists */
  | { outcome: 'duplicate'; message: string; httpStatus?: number }
  /** did not happen for sure */
  | {
      outcome: 'retry';
      errorClass: ErrorClass;
      message: string;
      httpStatus?: number;
      /** what the target asked us to wait, ms; of class RATE_LIMIT or with status 503 it holds the whole connection, else this record */
      retryAfterMs?: number;
      /** no byte left */
      notSent?: boolean;
    }
  | { outcome: 'in-doubt'; errorClass: ErrorClass; message: string; httpStatus?: number }
  | { outcome: 'rejected'; errorClass: ErrorClass; message: string; httpStatus?: number };

export interface FindRequest {
  document: string;
  key: string;
  /** for facts: only a hit that carries this counts */
  requestKey: string;
  /** set when the look is for a reversal or cancel */
  operation: Operation;
  signal: AbortSignal;
}

/** `failed` is not absence. The evidence is what was asked and answered, kept with the attempt. */
export type FindResult =
  | { found: 'one'; targetId: string; requestKeyMatches: boolean; evidence: string }
  | { found: 'none'; evidence: string }
  | { found: 'many'; count: number; evidence: string }
  | { found: 'failed'; message: string; evidence: string; httpStatus?: number };

export type ProbeResult = { ok: true } | { ok: false; httpStatus?: number; message: string };

/** One configured account of an ERP or finance system. Neither retries nor breaks circuits: delivery does. */
export interface Target {
  documents: ReadonlyMap<string, DocumentDeclaration>;
  /** never throws for business reasons */
  write(request: WriteRequest): Promise<WriteResult>;
  /** where a document `canFind` */
  find(request: FindRequest): Promise<FindResult>;
  /** cheap; absent: the breaker lets one document try */
  probe?(signal: AbortSignal): Promise<ProbeResult>;
  close(): Promise<void>;
}
