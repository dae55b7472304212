/**
 * The statuses of a delivery and the legal ways between them. One table: code reads it, the database refuses the rest
 * (a migration makes a trigger of it).
 *
 *     PENDING ──claim──> IN_FLIGHT ──> DELIVERED
 *        │ ^                 │ └─────> UNKNOWN ──resolver──> DELIVERED, IN_FLIGHT (same bytes), PARKED
 *        │ └─── released ─┐  ├───────> RETRY_WAIT, HELD_PERIOD ──due──> IN_FLIGHT or what a claim may find
 *        ├──> HELD_* ─────┘  └───────> DEAD, PARKED ──person──> PENDING, CANCELLED, RESOLVED_MANUAL
 *        └──> SKIPPED_*, IGNORED, RESOLVED_SUPERSEDED
 */
export const DELIVERY_STATUSES = [
  'PENDING',
  'HELD_DEPENDENCY',
  'HELD_APPROVAL',
  'HELD_CREDIT',
  'HELD_PERIOD',
  'HELD_REVIEW',
  'IN_FLIGHT',
  'UNKNOWN',
  'RETRY_WAIT',
  'DELIVERED',
  'IGNORED',
  'PARKED',
  'DEAD',
  'SKIPPED_NOCHANGE',
  'SKIPPED_STALE',
  'RESOLVED_MANUAL',
  'RESOLVED_SUPERSEDED',
  'CANCELLED',
] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** Each status in words, for the reference and for whoever reads a timeline. */
export const STATUS_MEANING: Readonly<Record<DeliveryStatus, string>> = {
  PENDING: 'waits for its turn',
  HELD_DEPENDENCY: 'waits for another record, or for a value that somebody has to map',
  HELD_APPROVAL: 'waits for an approval',
  HELD_CREDIT: 'waits for a credit decision',
  HELD_PERIOD: 'its accounting period is closed at the target: tried again by the hour',
  HELD_REVIEW: 'waits for a person to look at it first',
  IN_FLIGHT: 'is being sent',
  UNKNOWN: 'was sent and no answer came: being found out by itself',
  RETRY_WAIT: 'waits for the next attempt',
  DELIVERED: 'took effect in the target',
  IGNORED: 'the mapping does not want it in the target, and the target has nothing to take back',
  PARKED: 'not sent again before a person decides',
  DEAD: 'refused by the target, or impossible to send',
  SKIPPED_NOCHANGE: 'the target has exactly this already',
  SKIPPED_STALE: 'a newer version was there first',
  RESOLVED_MANUAL: 'a person said what became of it',
  RESOLVED_SUPERSEDED: 'a newer version took its place',
  CANCELLED: 'a person gave it up',
};

/** Nothing more happens by itself or by rule. A new revision may still open DELIVERED and SKIPPED_NOCHANGE again. */
export const FINISHED: ReadonlySet<DeliveryStatus> = new Set([
  'DELIVERED',
  'IGNORED',
  'SKIPPED_NOCHANGE',
  'SKIPPED_STALE',
  'RESOLVED_MANUAL',
  'RESOLVED_SUPERSEDED',
  'CANCELLED',
]);

/** Final until a person acts: a result is written, but they count as unfinished. */
export const STUCK: ReadonlySet<DeliveryStatus> = new Set(['PARKED', 'DEAD']);

const HELD: readonly DeliveryStatus[] = [
  'HELD_DEPENDENCY',
  'HELD_APPROVAL',
  'HELD_CREDIT',
  'HELD_PERIOD',
  'HELD_REVIEW',
];
const FROM_CLAIM: readonly DeliveryStatus[] = [
  'PENDING',
  ...HELD,
  'IN_FLIGHT',
  'SKIPPED_NOCHANGE',
  'SKIPPED_STALE',
  'IGNORED',
  'DELIVERED',
  'DEAD',
  'PARKED',
  'RETRY_WAIT',
  'RESOLVED_SUPERSEDED',
  'CANCELLED',
];
/** What a person, or the rule that a newer one took effect, makes of something that waits: of a new revision what it was before. */
const BY_PERSON: readonly DeliveryStatus[] = [
  'PENDING',
  'CANCELLED',
  'RESOLVED_MANUAL',
  'RESOLVED_SUPERSEDED',
  'DELIVERED',
  'SKIPPED_NOCHANGE',
];

export const TRANSITIONS: Readonly<Record<DeliveryStatus, readonly DeliveryStatus[]>> = {
  PENDING: FROM_CLAIM.filter((status) => status !== 'PENDING'),
  RETRY_WAIT: FROM_CLAIM.filter((status) => status !== 'RETRY_WAIT'),
  HELD_DEPENDENCY: BY_PERSON,
  HELD_APPROVAL: BY_PERSON,
  HELD_CREDIT: BY_PERSON,
  // asked again by the hour whether the period is open: all that a claim may find
  HELD_PERIOD: [...new Set([...BY_PERSON, ...FROM_CLAIM])].filter((status) => status !== 'HELD_PERIOD'),
  HELD_REVIEW: BY_PERSON,
  IN_FLIGHT: ['PENDING', 'DELIVERED', 'UNKNOWN', 'RETRY_WAIT', 'HELD_PERIOD', 'PARKED', 'DEAD'],
  UNKNOWN: ['IN_FLIGHT', 'PENDING', 'DELIVERED', 'RETRY_WAIT', 'PARKED', 'DEAD', 'RESOLVED_MANUAL'],
  // tried again by the hour, or a late answer tells: all that a claim may find
  PARKED: [...new Set([...BY_PERSON, ...FROM_CLAIM, 'UNKNOWN' as const])].filter((status) => status !== 'PARKED'),
  DEAD: BY_PERSON,
  DELIVERED: ['PENDING'], // a new revision
  IGNORED: [],
  SKIPPED_NOCHANGE: ['PENDING'], // a new revision
  SKIPPED_STALE: [],
  RESOLVED_MANUAL: [],
  RESOLVED_SUPERSEDED: [],
  CANCELLED: [],
};

/** The words of `GET /api/v1/status` and of `completed{outcome}`. */
export type FinishedWord = 'delivered' | 'duplicate' | 'ignored' | 'skipped' | 'superseded' | 'resolved' | 'cancelled';

/** `adopted`: the record was there already and got no update. Undefined while it moves or a person is needed. */
export function finishedWord(status: DeliveryStatus, adopted: boolean): FinishedWord | undefined {
  switch (status) {
    case 'DELIVERED':
      return adopted ? 'duplicate' : 'delivered';
    case 'IGNORED':
      return 'ignored';
    case 'SKIPPED_NOCHANGE':
    case 'SKIPPED_STALE':
      return 'skipped';
    case 'RESOLVED_SUPERSEDED':
      return 'superseded';
    case 'RESOLVED_MANUAL':
      return 'resolved';
    case 'CANCELLED':
      return 'cancelled';
    default:
      return undefined;
  }
}
