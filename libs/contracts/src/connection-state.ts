/** Whether a target connection may be used, for all processes: `connection_state` in the database. In words for the reference. */
export const CONNECTION_STATE_MEANING = {
  active: 'takes documents, as far as its breaker does',
  paused: 'a person stopped it: `crossdock resume connection <name>`',
  needs_reauth: 'it refuses our credentials: nothing is sent until they work, which is tried every five minutes',
} as const;
export type ConnectionStateName = keyof typeof CONNECTION_STATE_MEANING;

export const BREAKER_MEANING = {
  closed: 'documents are sent',
  open: 'too many calls failed: nothing is sent, it is probed every few seconds',
  'half-open': 'the probe went through: one document tries',
} as const;
export type BreakerName = keyof typeof BREAKER_MEANING;
