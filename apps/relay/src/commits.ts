import { commitsAtRisk, type Database } from '#db';
import { watch } from './watch.ts';

const EVERY_MS = 60_000;

export interface CommitsOptions {
  database: Database;
  everyMs?: number;
  /** told at each look: why what was accepted may be lost, or that it may not */
  found(risk: string | undefined): void;
  surprised(message: string): void;
}

/**
 * Says when PostgreSQL is set up so that a failover, or a crash, may lose events that were answered 2xx: whoever operates it may
 * have chosen that, and has to know. At the start and every minute. The returned function stops the watch.
 */
export function watchCommits({ database, everyMs = EVERY_MS, found, surprised }: CommitsOptions): () => Promise<void> {
  let told: string | undefined;
  return watch(async () => {
    const risk = await commitsAtRisk(database);
    found(risk);
    if (risk !== undefined && risk !== told) surprised(risk);
    told = risk;
  }, everyMs);
}
