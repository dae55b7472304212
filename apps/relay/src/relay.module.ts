import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CrossdockError, declareTopics, type EventLog } from '#contracts';
import type { Database } from '#db';
import { openEventLog } from '#event-log';
import { countUnpublished, type OpenTransaction } from '#outbox';
import { ENVIRONMENT, Health, logger, Metrics, type Environment } from '#platform';
import { watchCommits } from './commits.ts';
import { watchForgotten } from './forgotten.ts';
import { HistoryWatch } from './history-watch.ts';
import { openPool } from './pool.ts';
import { Relays } from './relays.ts';
import { startUpkeep } from './upkeep.ts';
import { fileWitness, HISTORY_TOPIC, logWitness } from './witness.ts';

const log = logger('relay');

/** The wiring of this room: database and log from the environment, one relay, its metrics and readiness. */
@Module({})
export class RelayModule implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #environment: Environment;
  readonly #metrics: Metrics;
  readonly #health: Health;
  #database: Database | undefined;
  #log: EventLog | undefined;
  #relay: Relays | undefined;
  #history: HistoryWatch | undefined;
  #stopUpkeep: (() => Promise<void>) | undefined;
  #stopForgotten: (() => Promise<void>) | undefined;
  #stopCommits: (() => Promise<void>) | undefined;
  #counted = 0;

  constructor(
    @Inject(ENVIRONMENT) environment: Environment,
    @Inject(Metrics) metrics: Metrics,
    @Inject(Health) health: Health,
  ) {
    this.#environment = environment;
    this.#metrics = metrics;
    this.#health = health;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { databaseUrl, kafka, data } = this.#environment;
    if (!databaseUrl) throw new CrossdockError('CROSSDOCK_START_DATABASE', 'the relay needs DATABASE_URL');
    const database = (this.#database = await openPool(databaseUrl));
    const sasl = kafka?.sasl && { ...kafka.sasl, password: kafka.sasl.password.reveal() };
    const eventLog = (this.#log = await openEventLog({
      kafka: kafka && { ...kafka, sasl },
      database,
      onLog: (level, message) => level === 'error' && log.error(message),
    }));
    await eventLog.ensureTopics(declareTopics([]));
    const surprised = (message: string, cause?: unknown): void =>
      log.warn(cause === undefined ? {} : { err: cause }, message);
    if (kafka) await eventLog.ensureTopics([HISTORY_TOPIC]);
    const witnesses = [fileWitness(data), ...(kafka ? [logWitness(eventLog)] : [])];
    const history = (this.#history = new HistoryWatch({ database, witnesses, surprised }));
    await history.start();
    const relay = (this.#relay = new Relays({
      database,
      log: eventLog,
      beforeLeading: () => history.look(),
      surprised,
    }));
    await relay.start();
    this.#stopUpkeep = startUpkeep(database, surprised);
    this.#stopForgotten = watchForgotten({ database, found: (open) => this.#held(open), surprised });
    this.#stopCommits = watchCommits({
      database,
      found: (risk) => this.#metrics.set('commitsSafe', {}, risk === undefined ? 1 : 0),
      surprised,
    });
    this.#health.register('relay: database', async () => void (await database.query('select 1')));
    this.#health.register('relay: log', () => eventLog.ping());
    this.#metrics.onScrape(() => this.#collect(database, relay, history));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#stopCommits?.();
    await this.#stopForgotten?.();
    await this.#stopUpkeep?.();
    await this.#history?.stop();
    await this.#relay?.stop();
    await this.#log?.close();
    await this.#database?.close();
  }

  #held(open: OpenTransaction | undefined): void {
    this.#metrics.reset('openTransaction');
    if (open)
      this.#metrics.set(
        'openTransaction',
        { application: open.application, pid: String(open.pid) },
        open.since.getTime() / 1000,
      );
  }

  async #collect(database: Database, relay: Relays, history: HistoryWatch): Promise<void> {
    const { state } = relay;
    this.#metrics.count('relayPublished', {}, state.published - this.#counted);
    this.#counted = state.published;
    this.#metrics.set('databaseTrusted', {}, history.doubted ? 0 : 1);
    this.#metrics.set('relayLeader', {}, state.leads);
    this.#metrics.set('relayShards', {}, state.shards);
    const shards = await Promise.all(Array.from({ length: state.shards }, (_, n) => countUnpublished(database, n)));
    this.#metrics.set('relayGaps', {}, Math.max(...shards.map(({ gaps }) => gaps)));
    this.#metrics.set('relaySetAside', {}, shards[0]!.setAside);
    this.#metrics.set('relayLastMove', {}, Math.max(...shards.map(({ movedAt }) => movedAt.getTime())) / 1000);
  }
}
