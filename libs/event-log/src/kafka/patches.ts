import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import kafkajs from 'kafkajs';

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

interface Connection {
  socket?: Socket;
  /** what has come of a response that is not whole yet, how many bytes, and how many it takes to go on */
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<boolean>;
}

interface OffsetManager {
  memberId: string;
  nextOffset(topic: string, partition: number): { toString(): string };
  setDefaultOffset(place: { topic: string; partition: number }): Promise<void>;
}

interface ConsumerGroup {
  assigners: readonly Partial<Draining>[];
  /** another one after each join: it has the generation and the member's id of that join */
  offsetManager: object;
  joinAndSync(): Promise<void>;
  /** when it last told the group that it lives, ms of the wall clock */
  lastRequest: number;
  heartbeat(options: { interval: number }): Promise<void>;
  /** the same `offsets` at every try of one commit; absent where all that is handled is meant */
  commitOffsets(offsets?: object): Promise<void>;
}

/** What an assigner of ours also has. */
export interface Draining {
  beforeJoin(): Promise<void>;
}

export interface OutOfRange {
  memberId: string;
  topic: string;
  partition: number;
  /** what the member asked for */
  offset: bigint;
}

/** `place`: the broker has no record at the offset that this member asked for. */
export const outOfRange = new EventEmitter<{ place: [OutOfRange] }>().setMaxListeners(0);

let patched = false;

/**
 * Seven faults of kafkajs 2.2.4 (its last release) that cannot be mended from outside. Called before the first client.
 *
 * 1. Each connection re-arms a 1 ms timer for ever: 880 timers and 36 ms of CPU a second for an idle producer, and a
 *    warning per process on Node 24 (its issue 1751). Now the timer is only armed when something waits.
 * 2. On OFFSET_OUT_OF_RANGE it logs, **commits the earliest offset** and goes on: a silent jump over what retention
 *    deleted. Now it tells us, and the subscription stops that partition; the committed offset stays as it was.
 * 3. It joins a group again while handlers are still at work on partitions that somebody else gets in that moment. Now
 *    whoever brought an assigner with `beforeJoin` is asked first.
 * 4. It tries a commit again for half a minute, under whatever generation there is by then: a commit that the coordinator
 *    could not store in time went through after the next join, over what the partition's new owner had committed. Now all
 *    tries belong to the generation of the first.
 * 5. It begins a connection anew with what the one before left behind: half of a response that was cut off stands before the
 *    next answers, and none of them is understood until as many bytes have come as that one still lacked. A member was out of
 *    its group for minutes. Now each begins empty, and the socket before it says nothing more.
 * 6. A join that fails (a coordinator that loads, a connection that is lost) it does not try again: it goes on fetching as it was,
 *    a member that tells the group that it lives and handles nothing, or one that tells it nothing, for ever. Now it begins
 *    anew, as after any other failure.
 * 7. It goes by the wall clock: when that was put back by an hour, a member did not tell its group that it lived for an hour.
 *    Now it tells it at once when its last word lies in the future.
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
  mendConnections(require);
  const { prototype: offsets } = require('kafkajs/src/consumer/offsetManager') as { prototype: OffsetManager };
  offsets.setDefaultOffset = async function ({ topic, partition }) {
    const offset = BigInt(this.nextOffset(topic, partition).toString());
    outOfRange.emit('place', { memberId: this.memberId, topic, partition, offset });
  };
  const NotAgain = kafkajs.KafkaJSNonRetriableError as new (
    error: Error,
    options: { cause: Error },
  ) => kafkajs.KafkaJSNonRetriableError;
  const { prototype: group } = require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  const join = group.joinAndSync;
  group.joinAndSync = async function () {
    for (const assigner of this.assigners) await assigner.beforeJoin?.();
    await join.call(this).catch((cause: Error) => {
      throw new NotAgain(cause, { cause });
    });
  };
  const heartbeat = group.heartbeat;
  group.heartbeat = function (options) {
    if (this.lastRequest > Date.now()) this.lastRequest = 0;
    return heartbeat.call(this, options);
  };
  const commit = group.commitOffsets;
  const begunUnder = new WeakMap<object, object>();
  group.commitOffsets = async function (offsets) {
    if (offsets) {
      const before = begunUnder.get(offsets) ?? this.offsetManager;
      if (before !== this.offsetManager)
        throw new kafkajs.KafkaJSNonRetriableError('the member has joined again since this commit was begun');
      begunUnder.set(offsets, before);
    }
    await commit.call(this, offsets);
  };
}

const LENGTH_BYTES = 4;

function mendConnections(require: NodeJS.Require): void {
  const { prototype: connection } = require('kafkajs/src/network/connection') as { prototype: Connection };
  const connect = connection.connect;
  const connecting = new WeakMap<Connection, Promise<boolean>>();
  connection.connect = function () {
    const begun = connecting.get(this);
    if (begun || this.isConnected()) return begun ?? Promise.resolve(true);
    this.socket?.destroy();
    this.chunks = [];
    this.bytesBuffered = 0;
    this.bytesNeeded = LENGTH_BYTES;
    const begins = connect.call(this).finally(() => connecting.delete(this));
    connecting.set(this, begins);
    return begins;
  };
}
