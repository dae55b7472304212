import type { Database } from '#db';
import { oldestOpenTransaction, type OpenTransaction } from '#outbox';
import { watch } from './watch.ts';

/** A transaction that is open for so long was forgotten, or is in the wrong place, ms. */
const LONG_MS = 30_000;
const EVERY_MS = 10_000;

export interface ForgottenOptions {
  database: Database;
  longMs?: number;
  everyMs?: number;
  /** told at each look: which one holds back rows, or that none does */
  found(transaction: OpenTransaction | undefined): void;
  surprised(message: string, cause?: unknown): void;
}

/**
 * Names the open transaction that holds back rows of the outbox. It delays its own records only; somebody has to end it all
 * the same. The returned function stops the watch.
 */
export function watchForgotten(options: ForgottenOptions): () => Promise<void> {
  const { database, longMs = LONG_MS, everyMs = EVERY_MS, found, surprised } = options;
  let told: number | undefined;
  return watch(async () => {
    const oldest = await oldestOpenTransaction(database, longMs);
    found(oldest);
    if (oldest && oldest.pid !== told)
      surprised(
        `a transaction of "${oldest.application}" (pid ${oldest.pid}), open since ${oldest.since.toISOString()}, holds back rows of ` +
          `the outbox: end it there, or with select pg_terminate_backend(${oldest.pid})`,
      );
    told = oldest?.pid;
  }, everyMs);
}
