import type { DeliveryStatus, ErrorClass, OpenField, Operation } from '#contracts';

/** What a claim knows of a lane. Hashes are sha256 in hex, times the database's clock. */
export interface Lane {
  id: bigint;
  connection: string;
  document: string;
  key: string;
  /** fencing token of this claim */
  token: bigint;
  /** the delivery with an attempt open or in doubt: nothing else of the lane starts */
  doubt: bigint | null;
  taintedUntil: Date | null;
  taintedRequest: string | null;
  applied: Version | null;
  /** content the target last acknowledged */
  acknowledged: string | null;
  /** the target's id, from the cross-reference */
  targetId: string | null;
  /** withdrawn at the target */
  cancelled: boolean;
  /** facts: document id of the live posting; null after its reversal */
  posted: string | null;
}

/** Newer means (source version, aggregate version); within one event, the revision. */
export interface Version {
  /** -1 where the source has none */
  source: bigint;
  aggregate: bigint;
  revision: number;
}

export interface Delivery {
  id: bigint;
  documentId: string;
  flow: string;
  kind: 'document' | 'withdraw' | 'ignored' | 'rejected';
  status: DeliveryStatus;
  version: Version;
  /** rung of the retry ladder that comes next */
  step: number;
  nextAttemptAt: Date | null;
  errorClass: ErrorClass | null;
  review: string | null;
  /** a person had it before them, and ordered that it goes out */
  reviewed: boolean;
  reason: string | null;
  hopCount: number;
  /** read with the delivery, so that a resume that comes later wakes the lane */
  flowPaused: boolean;
  /** its create was told that the key exists: the id is bound, an update follows */
  adopted: boolean;
  /** a withdrawal: the create of an older version, which is not finished, was told that the key exists */
  saidToExist: boolean;
  /** facts: the reversal of what was posted before it is done, its own posting is not yet */
  reversed: boolean;
  /** what the target has of it, where a newer revision waits now */
  deliveredRevision: number | null;
  /** rows in `attempt` so far */
  attemptN: number;
  /** exact JSON of this revision; null for a marker */
  body: string | null;
  open: OpenField[];
  createOnly: string[];
}

/** One request as recorded. */
export interface Attempt {
  n: number;
  revision: number;
  operation: Operation;
  requestKey: string;
  targetId: string | null;
  body: string | null;
  requestHash: string;
  contentHash: string;
  startedAt: Date;
  gaveUpAt: Date;
  /** null while open */
  outcome: string | null;
  doubt: 'open' | 'happened' | 'absent' | 'person' | null;
  /** the first empty look */
  lookedAt: Date | null;
  lateOutcome: 'done' | 'rejected' | 'not-sent' | null;
  lateTargetId: string | null;
}

/** A request ready to be written down and sent. */
export interface Prepared {
  operation: Operation;
  requestKey: string;
  targetId: string | null;
  body: string | null;
  requestHash: string;
  contentHash: string;
}
