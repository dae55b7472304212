/**
 * Every metric of the product: one row each, nothing is exported that is not here. Base units, `_total` for counters,
 * timestamps rather than ages, no ids and no amounts as labels. The generated reference and the tests read this table.
 */
export interface MetricRow {
  name: `crossdock_${string}`;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels?: readonly string[];
  buckets?: readonly number[];
}

/** Seconds; the freshness objectives people choose are edges of these buckets. */
const LAG_BUCKETS = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 43200, 86400,
] as const;
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

export const METRICS = {
  // service-level indicators
  syncAccepted: {
    name: 'crossdock_sync_accepted_total',
    type: 'counter',
    labels: ['flow'],
    help: 'Events that a flow wants, counted when its delivery is taken in.',
  },
  syncCompleted: {
    name: 'crossdock_sync_completed_total',
    type: 'counter',
    labels: ['flow', 'outcome'],
    help: 'Deliveries that finished, by how: delivered, duplicate, ignored, skipped, superseded, resolved, cancelled.',
  },
  syncOverdue: {
    name: 'crossdock_sync_overdue_total',
    type: 'counter',
    labels: ['flow'],
    help: "Events that passed their flow's freshness objective undelivered, counted at that moment.",
  },
  syncLag: {
    name: 'crossdock_sync_lag_seconds',
    type: 'histogram',
    labels: ['flow', 'target'],
    buckets: LAG_BUCKETS,
    help: "Accepted to acknowledgement durably recorded, by the database's clock.",
  },
  syncOldest: {
    name: 'crossdock_sync_oldest_unfinished_timestamp_seconds',
    type: 'gauge',
    labels: ['flow', 'state'],
    help: 'When the oldest unfinished event of the flow was accepted; state is moving, held, parked or unknown. 0: none.',
  },
  syncInFlight: {
    name: 'crossdock_sync_in_flight',
    type: 'gauge',
    labels: ['stage'],
    help: 'Events between two stages: captured, outbox, log, delivery.',
  },
  conservation: {
    name: 'crossdock_sync_conservation_difference',
    type: 'gauge',
    labels: ['equation'],
    help: 'What went in minus what is accounted for; must be 0. Equations: captured, fan-out.',
  },
  unsynced: {
    name: 'crossdock_unsynced_amount',
    type: 'gauge',
    labels: ['flow', 'currency', 'age'],
    help: 'Value of what is not delivered yet, by age: 5m, 1h, 1d, older.',
  },
  // capture
  captureRequests: {
    name: 'crossdock_capture_requests_total',
    type: 'counter',
    labels: ['connection', 'status'],
    help: 'Webhook requests by answer. Unknown connections count under "unknown".',
  },
  captureSeconds: {
    name: 'crossdock_capture_request_seconds',
    type: 'histogram',
    labels: ['connection'],
    buckets: SECONDS,
    help: 'From the whole request read to the answer.',
  },
  captureItems: {
    name: 'crossdock_capture_items_total',
    type: 'counter',
    labels: ['connection', 'result'],
    help: 'Events in requests: accepted, duplicate, conflict, refused.',
  },
  captureShed: {
    name: 'crossdock_capture_shed_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Webhook requests sent away unread, with Retry-After: too many requests or bytes in hand, too long a backlog.',
  },
  normalised: {
    name: 'crossdock_capture_normalised_total',
    type: 'counter',
    labels: ['connection', 'result'],
    help: 'Captured rows that became events (published) or could not (rejected).',
  },
  // outbox and relay
  outboxUnpublished: {
    name: 'crossdock_outbox_unpublished',
    type: 'gauge',
    help: 'Outbox rows that are not in the log yet.',
  },
  relayPublished: {
    name: 'crossdock_relay_published_total',
    type: 'counter',
    help: 'Outbox rows appended to the log.',
  },
  relayLeader: {
    name: 'crossdock_relay_leader',
    type: 'gauge',
    help: 'Shards of the outbox that this process is the active relay of.',
  },
  relayShards: {
    name: 'crossdock_relay_shards',
    type: 'gauge',
    help: 'Shards that the outbox has: each must have one relay that leads it.',
  },
  relayGaps: { name: 'crossdock_relay_gaps', type: 'gauge', help: 'Ids that were drawn and are not visible yet.' },
  relaySetAside: {
    name: 'crossdock_relay_set_aside',
    type: 'gauge',
    help: 'Rows that the log refused, and what waits behind them.',
  },
  relayLastMove: {
    name: 'crossdock_relay_moved_timestamp_seconds',
    type: 'gauge',
    help: 'When the cursor last moved.',
  },
  databaseTrusted: {
    name: 'crossdock_database_trusted',
    type: 'gauge',
    help: '0 while the database may be older than what was sent: after a restore or failover, until somebody accepts it.',
  },
  commitsSafe: {
    name: 'crossdock_database_commits_safe',
    type: 'gauge',
    help: '0 while a failover or crash may lose what was accepted: stand-bys and none is waited for, or synchronous_commit off.',
  },
  openTransaction: {
    name: 'crossdock_relay_open_transaction_timestamp_seconds',
    type: 'gauge',
    labels: ['application', 'pid'],
    help: 'When the oldest transaction began that holds back rows of the outbox; only while one does, for 30 s or more.',
  },
  // event log
  logLag: {
    name: 'crossdock_log_consumer_lag',
    type: 'gauge',
    labels: ['group', 'topic'],
    help: 'Records between the committed offset and the end of the log.',
  },
  logStopped: {
    name: 'crossdock_log_partitions_stopped',
    type: 'gauge',
    labels: ['group'],
    help: 'Partitions that stand still because the log lost records before they were handled: crossdock refill. 0 as it should be.',
  },
  logProblems: {
    name: 'crossdock_log_problems_total',
    type: 'counter',
    labels: ['group', 'kind'],
    help: 'Holes, passed retention and their mending (resumed), changed partitions, failing handlers.',
  },
  deadLetters: {
    name: 'crossdock_dead_letters_total',
    type: 'counter',
    labels: ['stage'],
    help: 'Records written to a dead-letter topic.',
  },
  // mapper
  mapped: {
    name: 'crossdock_mapper_records_total',
    type: 'counter',
    labels: ['flow', 'kind'],
    help: 'Records made: document, withdraw, ignored, rejected.',
  },
  unrouted: { name: 'crossdock_mapper_unrouted_total', type: 'counter', help: 'Events that no flow wants.' },
  // delivery
  attempts: {
    name: 'crossdock_delivery_attempts_total',
    type: 'counter',
    labels: ['connection', 'outcome'],
    help: 'Requests to targets by outcome.',
  },
  attemptSeconds: {
    name: 'crossdock_delivery_attempt_seconds',
    type: 'histogram',
    labels: ['connection'],
    buckets: SECONDS,
    help: 'Attempt row committed to outcome known.',
  },
  deliveries: {
    name: 'crossdock_delivery_unfinished',
    type: 'gauge',
    labels: ['flow', 'status'],
    help: 'Deliveries that are not finished, by status.',
  },
  staleWrites: {
    name: 'crossdock_delivery_stale_writes_total',
    type: 'counter',
    help: 'Writes refused because their lane had a newer token.',
  },
  holdsRepaired: {
    name: 'crossdock_delivery_holds_repaired_total',
    type: 'counter',
    help: 'Waiters the sweep had to release: should stay 0.',
  },
  breakerOpen: {
    name: 'crossdock_breaker_open',
    type: 'gauge',
    labels: ['connection'],
    help: '1 while the connection takes no documents.',
  },
  connectionActive: {
    name: 'crossdock_connection_active',
    type: 'gauge',
    labels: ['connection'],
    help: '0 while paused or without valid credentials.',
  },
  credentialsRefused: {
    name: 'crossdock_connection_credentials_refused',
    type: 'gauge',
    labels: ['connection'],
    help: '1 while the target refuses our credentials and nothing is sent to it (needs_reauth).',
  },
  connectionRate: {
    name: 'crossdock_connection_requests_per_minute',
    type: 'gauge',
    labels: ['connection'],
    help: 'Most requests that may begin in a minute at present; +Inf where nothing limits them.',
  },
  connectionThrottled: {
    name: 'crossdock_connection_throttled',
    type: 'gauge',
    labels: ['connection'],
    help: '1 while the rate is lowered because the target asked us to slow down.',
  },
  quotaLeft: {
    name: 'crossdock_connection_quota_left',
    type: 'gauge',
    labels: ['connection'],
    help: "Requests of the day's quota left for deliveries, without the reserve. At 0 deliveries wait for midnight in its zone.",
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof METRICS;
