import type { DeliveryStatus } from '#contracts';

/**
 * What a test knows after a run, from three sides that know nothing of each other: who sent (`events`), who was written to
 * (`effects`, the target's own ledger), and what the product says (`reports`, `counts`). `checkHistory` compares them.
 */
export interface History {
  events: readonly SentEvent[];
  /** in the order in which they took effect */
  effects: readonly WitnessedEffect[];
  /** every delivery the product shows, after the last fault healed and it had its time to catch up */
  reports: readonly ReportedDelivery[];
  /** per flow, as the product's status page has them */
  counts: Readonly<Record<string, ReportedCounts>>;
  /** per document type, as the connection declares it */
  natures: Readonly<Record<string, Nature>>;
}

/** `reversal`: one posting stands at most; a newer version that differs takes it back before its own is posted. */
export type Nature = 'state' | 'once' | 'reversal' | 'each';

/** One version of one record as its sender made it: (key, version) is unique, and the content tells every version apart from its neighbours' parts. */
export interface SentEvent {
  /** the record's key, `acme:order:o-1` */
  key: string;
  /** rises with every change of the record; what order is judged by */
  version: number;
  /** accepted: 2xx or a committed append · refused: 4xx or a rolled back append · unknown: neither was ever heard */
  answer: 'accepted' | 'refused' | 'unknown';
  /** what each flow has to make of it */
  documents: readonly ExpectedDocument[];
}

export interface ExpectedDocument {
  flow: string;
  document: string;
  /** a fingerprint of what the target has to hold; null: this version withdraws the record from the target */
  content: string | null;
}

export interface WitnessedEffect {
  document: string;
  operation: 'create' | 'upsert' | 'update' | 'cancel' | 'reverse';
  key: string;
  /** the sender's version, read from the body; of what takes back, the one that made it do so; null when it is none that was ever sent */
  version: number | null;
  /** the fingerprint of the body, made as the expected one is; of a reversal, of what it takes back; a cancel has none */
  content: string;
  /** anything that finds it again, e.g. the ledger's number */
  at: string;
}

export interface ReportedDelivery {
  flow: string;
  document: string;
  key: string;
  version: number;
  status: DeliveryStatus;
  /** for HELD_DEPENDENCY: the key it waits for */
  waitingFor?: string;
  /** how many attempts the product shows, where the test has read them */
  attempts?: number;
}

export interface ReportedCounts {
  accepted: number;
  finished: number;
  unfinished: number;
  delivered: number;
}

/**
 * - LOST accepted, and neither there nor on its way · DUP a second effect of one version · REORDER versions went back
 * - SKIP a newer one took effect past one that was not done · PHANTOM an effect of what was not accepted
 * - TORN an effect that is no version as sent · STUCK on its way, and nobody's turn · LIE what is said is not what is
 */
export const ANOMALY_CLASSES = ['LOST', 'DUP', 'REORDER', 'SKIP', 'PHANTOM', 'TORN', 'STUCK', 'LIE'] as const;
export type AnomalyClass = (typeof ANOMALY_CLASSES)[number];

export interface Anomaly {
  class: AnomalyClass;
  /** `document key`, or the flow for what is said of a whole flow */
  where: string;
  /** what was expected, what was found */
  evidence: string;
}
