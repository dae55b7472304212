import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

interface OffsetManager {
  groupId: string;
  memberId: string;
  setDefaultOffset(place: { topic: string; partition: number }): Promise<void>;
}

interface Place {
  groupId: string;
  memberId: string;
  topic: string;
  partition: number;
}

/** `place`: the broker has no record at the offset that this member asked for. */
export const outOfRange = new EventEmitter<{ place: [Place] }>().setMaxListeners(0);

let patched = false;

/**
 * Two faults of kafkajs 2.2.4 (its last release) that cannot be mended from outside. Called before the first client.
 *
 * 1. Each connection re-arms a 1 ms timer for ever: 880 timers and 36 ms of CPU a second for an idle producer, and a
 *    warning per process on Node 24 (its issue 1751). Now the timer is only armed when something waits.
 * 2. On OFFSET_OUT_OF_RANGE it logs, **commits the earliest offset** and goes on: a silent jump over what retention
 *    deleted. Now it tells us, and the subscription stops that partition; the committed offset stays as it was.
 */
export function patchKafkajs(): void {
  if (patched) return;
  patched = true;
  const require = createRequire(import.meta.url);
  const { prototype: queue } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
  const { prototype: offsets } = require('kafkajs/src/consumer/offsetManager') as { prototype: OffsetManager };
  offsets.setDefaultOffset = async function ({ topic, partition }) {
    outOfRange.emit('place', { groupId: this.groupId, memberId: this.memberId, topic, partition });
  };
}
