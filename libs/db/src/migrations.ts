import { CaptureAndOutbox0001 } from './migrations/0001-capture-and-outbox.ts';
import { EventLog0002 } from './migrations/0002-event-log.ts';
import { Delivery0003 } from './migrations/0003-delivery.ts';
import { Views0004 } from './migrations/0004-views.ts';
import { History0005 } from './migrations/0005-history.ts';
import { RelayShards0006 } from './migrations/0006-relay-shards.ts';
import { LargeReplays0007 } from './migrations/0007-large-replays.ts';
import { ClosedPeriods0008 } from './migrations/0008-closed-periods.ts';
import { CheapDeliveries0009 } from './migrations/0009-cheap-deliveries.ts';
import { DeadLettersOfTopicsMadeAnew0010 } from './migrations/0010-dead-letters-of-topics-made-anew.ts';
import { RevisionsOfWhatChangedNothing0011 } from './migrations/0011-revisions-of-what-changed-nothing.ts';

/** In order. A new one goes at the end; what is released is never edited. */
export const MIGRATIONS = [
  CaptureAndOutbox0001,
  EventLog0002,
  Delivery0003,
  Views0004,
  History0005,
  RelayShards0006,
  LargeReplays0007,
  ClosedPeriods0008,
  CheapDeliveries0009,
  DeadLettersOfTopicsMadeAnew0010,
  RevisionsOfWhatChangedNothing0011,
];
