import type { Database, Transaction } from '#db';
import { appendIn } from './append.ts';

/**
 * Services at work: each writer opens transaction after transaction, some of which write something else first, change
 * several records, take long, or roll back. Resolves when the time is over and all have ended.
 */
export async function writeConcurrently(
  database: Database,
  options: { writers: number; records: number; ms: number },
): Promise<void> {
  await database.query('create table if not exists elsewhere (n integer)');
  const end = performance.now() + options.ms;
  const writer = async (seed: number): Promise<void> => {
    const draw = draws(seed);
    while (performance.now() < end) {
      const rollsBack = draw() < 0.1;
      await database
        .transaction(
          async (tx) => {
            await transaction(tx, draw, options.records);
            if (rollsBack) throw new RolledBack();
          },
          { retries: 10 },
        )
        .catch((error: unknown) => {
          if (!(error instanceof RolledBack)) throw error;
        });
    }
  };
  await Promise.all(Array.from({ length: options.writers }, (_, at) => writer(at + 1)));
}

async function transaction(tx: Transaction, draw: () => number, records: number): Promise<void> {
  if (draw() < 0.5) await tx.query('insert into elsewhere values (1)');
  await hold(draw);
  const chosen = [...new Set([draw(), draw()].map((at) => Math.floor(at * records)))].sort((a, b) => a - b);
  for (const record of draw() < 0.3 ? chosen : chosen.slice(0, 1)) await appendIn(tx, String(record));
  await hold(draw);
}

/** Mostly a few milliseconds; one in thirty takes a quarter of a second. */
function hold(draw: () => number): Promise<void> {
  const ms = draw() < 0.03 ? 250 : draw() * 12;
  return new Promise((resolve) => setTimeout(resolve, ms));
}

class RolledBack extends Error {}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function draws(seed: number): () => number {
  let state = seed * 7919;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
