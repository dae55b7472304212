/** What the API answers, as far as the commands read it. */
export interface Delivery {
  id: string;
  flow: string;
  target: string;
  document: string;
  key: string;
  eventId: string;
  aggregateVersion: string;
  kind: string;
  status: string;
  errorClass?: string;
  error?: string;
  review?: string;
  reason?: string;
  targetId?: string;
  adopted?: boolean;
  hops?: number;
  nextAttemptAt?: string;
  amount?: string;
  currency?: string;
  acceptedAt?: string;
  createdAt: string;
  changedAt: string;
  finishedAt?: string;
}

export interface Hold {
  kind: 'reference' | 'value';
  name: string;
  key: string;
  since: string;
  waiting: number;
  awaited?: { deliveryId: string; status: string; errorClass?: string };
}

export interface Attempt {
  n: number;
  startedAt: string;
  endedAt?: string;
  outcome: string;
  httpStatus?: number;
  operation?: string;
  doubt?: string;
  error?: string;
  evidence?: unknown[];
}

export interface DeliveryDetail extends Delivery {
  waitingFor?: { kind: 'quota'; until: string } | { kind?: undefined };
  attempts: Attempt[];
  holds?: Hold[];
}

export interface Event {
  id: string;
  type: string;
  entity: string;
  recordId: string;
  key: string;
  source: string;
  aggregateVersion: string;
  sourceVersion?: string;
  receivedAt: string;
  committedAt?: string;
  publishedAt?: string;
  topic?: string;
  partition?: number;
  offset?: string;
  state: 'rejected' | 'dismissed' | 'captured' | 'committed' | 'published' | 'unrouted' | 'dead' | 'mapped';
  capture?: { receiptId: string; status: string; code?: string; reason?: string };
  deadLetters?: { topic: string; stage: string; reason: string; at: string }[];
  replays?: { id: string; at: string }[];
  deliveries: DeliveryDetail[];
}

export interface RecordTimeline {
  entity: string;
  id: string;
  events: Event[];
  /** what its source was told of it, oldest first */
  writtenBack?: DeliveryDetail[];
}
