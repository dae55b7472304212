import { setTimeout as wait } from 'node:timers/promises';
import type { Rewrite, Seeded } from '#testing';
import { until } from '../support/product.ts';
import { untilCalm, type Trouble } from './trouble.ts';
import type { World } from './world.ts';

/** Any process stands still, some longer than its leases last, and wakes up believing that no time has passed. */
export const frozenProcesses: Trouble = {
  name: 'processes frozen',
  rows: 'F33',
  rowsApart: 'F22 F33',
  disturb: ({ parts }, random, calm) =>
    untilCalm(
      calm,
      () => 300 + random.below(1_000),
      async () => {
        const part = random.pick(parts);
        const ms = random.pick([300, 1_000, 3_000, 8_000]);
        await part.freeze(ms);
        return `${part.name} frozen for ${ms} ms`;
      },
    ),
};

type Harm = (world: World, random: Seeded, n: number) => Promise<string>;

const crash: Harm = async ({ postgres, url }, random) => {
  const away = random.below(1_500);
  await postgres.crash();
  await wait(away);
  await postgres.comeBack();
  await databaseAgain(url);
  return `PostgreSQL away for ${away} ms`;
};

/** The first of them longer than any lease lasts. */
const STILL_MS = [8_000, 2_000];
const standStill: Harm = async ({ postgres, url }, _, n) => {
  const ms = STILL_MS[n % STILL_MS.length]!;
  await postgres.freeze(ms);
  await databaseAgain(url);
  return `PostgreSQL stood still for ${ms} ms`;
};

/** Others take every connection that PostgreSQL has, also those that the product had. */
const takeConnections: Harm = async ({ postgres }, random) => {
  const ms = 500 + random.below(2_500);
  return `no connection for ${ms} ms, ${await postgres.exhaust(ms)} taken`;
};

const databaseAgain = (url: string): Promise<unknown> =>
  until(
    () => fetch(`${url}/api/v1/status`),
    ({ status }) => status === 200,
    { within: 60_000, what: 'the console has its database again' },
  ).catch(() => undefined); // it may be killed at this moment

const ofPostgres = (name: string, rows: string, harms: readonly Harm[]): Trouble => ({
  name,
  rows,
  disturb: (world, random, calm) =>
    untilCalm(
      calm,
      () => 1_000 + random.below(2_000),
      (n) => harms[n % harms.length]!(world, random, n),
    ),
});

export const postgresCrashes = ofPostgres('PostgreSQL crashes', 'F07', [crash]);
export const postgresStandsStill = ofPostgres('PostgreSQL stands still', 'F08', [standStill]);
export const connectionsRunOut = ofPostgres('connections run out', 'F09', [takeConnections]);
/** One after the other: who has crashed cannot be stopped, and who stands still gives nobody a connection. */
export const sickPostgres = ofPostgres('sick PostgreSQL', 'F07-F09', [crash, standStill, takeConnections]);

/** Only where the log is on Kafka: the broker dies without a word and comes back on its data. */
const ofKafka = (name: string, upMs: (random: Seeded) => number): Trouble => ({
  name,
  rows: 'F24 F27',
  disturb: ({ kafka }, random, calm) =>
    untilCalm(
      calm,
      (n) => (n === 0 ? 1_000 : upMs(random)),
      async () => {
        const away = random.below(3_000);
        await kafka!.crash();
        await wait(away);
        await kafka!.comeBack();
        return `Kafka away for ${away} ms`;
      },
    ),
});

// long enough up, now and then, for a group to come together: with less no killed process would ever be ready again
export const kafkaCrashes = ofKafka('Kafka crashes', (random) => 3_000 + random.below(12_000));
/** Beside all else: who joins the group stands still and loses PostgreSQL on the way, and needs longer. */
export const kafkaCrashesRarely = ofKafka('Kafka crashes rarely', (random) => 25_000 + random.below(15_000));

const HOURS = [1, -1, 0, 25];

/** The wall clock of one process after the other is set to another time, each on its own. */
export const clockSteps: Trouble = {
  name: 'clocks stepped by an hour',
  rows: 'F66',
  async disturb({ clocks }, random, calm) {
    const did = await untilCalm(
      calm,
      () => 1_500 + random.below(2_500),
      async () => {
        const n = random.below(clocks.length);
        const hours = random.pick(HOURS);
        clocks[n]!.set(hours * 3_600);
        return `clock ${n} off by ${hours} h`;
      },
    );
    for (const clock of clocks) clock.set(0);
    return did;
  },
};

/** What the version after this one might bring: a column in every table, and an index. */
const NEWER: Rewrite = {
  file: 'libs/db/src/migrations.js',
  find: 'export const MIGRATIONS = [',
  replace: `export const MIGRATIONS = [class {
    name = 'OfTheNextVersion9999999999999';
    async up(runner) {
      const tables = await runner.query(\`select relname from pg_class where relnamespace = 'crossdock'::regnamespace
        and relkind in ('r', 'p') and not relispartition and relname <> 'migration'\`);
      for (const { relname } of tables)
        await runner.query(\`alter table \${relname} add column added_later integer not null default 7\`);
      await runner.query('create index on outbox (added_later, id)');
    }
    async down() {}
  },`,
};

/**
 * A newer version migrates while this one works, takes the place of one process after the other, and is rolled back the same
 * way, this time by kill -9.
 */
export const newerVersion: Trouble = {
  name: 'a newer version and back',
  rows: 'F67',
  async meanwhile({ parts, changes, command }) {
    const newer = changes({ rewrites: [NEWER] });
    await wait(2_000);
    const did = [`migrated: ${await command(['migrate'], newer)}`];
    for (const part of parts) {
      await wait(500);
      await part.stop();
      await part.start(newer);
      did.push(`${part.name} is of the newer version`);
    }
    for (const part of parts) {
      await wait(500);
      await part.kill();
      await part.start();
      did.push(`${part.name} is of this version again`);
    }
    return did;
  },
};
