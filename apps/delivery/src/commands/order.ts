import type { Target } from '#contracts';
import type { Transaction } from '#db';
import type { Settled, Store } from '../engine/store.ts';

/** A row of `command` addressed to delivery. */
export interface Order {
  id: string;
  kind: string;
  target: unknown;
  actor: string;
  reason: string;
  /** of an order that is executed in parts: what was done so far */
  result: Record<string, unknown> | null;
}

/** What became of an order: a result, or why it was refused. */
export type Answer = { done: Record<string, unknown> } | { refused: string } | Unanswered;

/** What was done is committed, and the order is executed once more after that, with what the commit let others do. */
export interface Unanswered {
  again: true;
  /** what was done so far; others go first, and the order goes on a second later */
  soFar?: Record<string, unknown>;
}

export interface OrderContext {
  tx: Transaction;
  store: Store;
  targets: ReadonlyMap<string, Target>;
  order: Order;
  /** what was recorded: metrics and wake-ups follow the commit */
  settled: Settled[];
  /** states of flows or connections changed */
  statesChanged(): void;
}

export const refuse = (why: string): { refused: string } => ({ refused: why });
