import { randomUUID } from 'node:crypto';
import type {
  EventLog,
  GroupPosition,
  LogRecord,
  PartitionLag,
  RunningSubscription,
  Subscription,
  TopicDeclaration,
} from '#contracts';
import type { Database } from '#db';
import { unknownTopic } from '../drift.ts';
import type { TopicAsIs } from '../drift.ts';
import { partitionOf } from '../partition.ts';
import { batchLimit, refuseUnfit } from '../refuse.ts';
import { appendRecords } from './append.ts';
import type { PlacedRecord } from './append.ts';
import { readLag } from './lag.ts';
import { readPositions } from './positions.ts';
import { PostgresSubscription } from './postgres-subscription.ts';
import { enforceRetention } from './retention.ts';
import { ensureTopics, readTopics } from './topics.ts';
import { TopicWatch } from '../topic-watch.ts';
import { Writer } from './writer.ts';

const CHANNEL = 'crossdock_log';
const NOTIFY = { name: 'log-notify', text: `select pg_notify('${CHANNEL}', $1)` };
/** characters of topic names in one notification; PostgreSQL allows 7,999 bytes */
const MAX_PAYLOAD = 7_000;
const RETENTION_EVERY_MS = 600_000;
/** the sender of our notifications: what this process appended its readers know already */
const PROCESS = randomUUID();
/** the logs of this process that are read: the stages in one process have one each */
const READ_HERE = new Set<PostgresEventLog>();

export interface PostgresEventLogOptions {
  database: Database;
  /** how long a member that says nothing keeps its partitions; default 10 s */
  leaseMs?: number;
  /** the database is ours alone and closed with the log; default false */
  closes?: boolean;
  /** how often is looked whether somebody changed the topics; default one minute */
  watchEveryMs?: number;
  onLog?: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
}

/** The event log in our own PostgreSQL: for a laptop, a pilot and tests. One instance per stage. */
export class PostgresEventLog implements EventLog {
  readonly #database: Database;
  readonly #leaseMs: number;
  readonly #closes: boolean;
  readonly #log: NonNullable<PostgresEventLogOptions['onLog']>;
  readonly #writer: Writer;
  readonly #topics = new Map<string, TopicAsIs>();
  readonly #watch: TopicWatch;
  readonly #subscriptions = new Set<PostgresSubscription>();
  /** calls enter one after the other, so that an early call that has to look up a topic stays the early one */
  #entrance: Promise<unknown> = Promise.resolve();
  #stopListening: Promise<() => Promise<void>> | undefined;
  #notifying: Promise<unknown> | undefined;
  /** topics appended to since the notification that is under way */
  readonly #untold = new Set<string>();
  readonly #announcements = new Set<Promise<unknown>>();
  #retention: NodeJS.Timeout | undefined;
  /** other processes read this log, as far as is known: they are told what is appended */
  #othersRead = true;
  #groupChanges = 0;

  constructor({
    database,
    leaseMs = 10_000,
    closes = false,
    watchEveryMs = 60_000,
    onLog = () => {},
  }: PostgresEventLogOptions) {
    this.#database = database;
    this.#leaseMs = leaseMs;
    this.#closes = closes;
    this.#log = onLog;
    this.#watch = new TopicWatch({
      known: this.#topics,
      read: (names) => readTopics(database, names),
      changed: (topic, message) => {
        onLog('error', message);
        for (const subscription of this.#subscriptions) subscription.partitionsChanged(topic, message);
      },
      everyMs: watchEveryMs,
    });
    this.#writer = new Writer(
      (records) => appendRecords(database, records),
      (appended) => this.#appended(appended),
    );
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    if (records.length === 0) return;
    const placed = this.#entrance.then(() => this.#place(records));
    this.#entrance = placed.catch(() => {});
    return this.#writer.write(await placed);
  }

  async #place(records: readonly LogRecord[]): Promise<PlacedRecord[]> {
    await this.#know(records.map((record) => record.topic));
    return records.map((record) => {
      const topic = this.#topics.get(record.topic)!;
      refuseUnfit(record, batchLimit(topic.name, topic.maxMessageBytes));
      return { ...record, partition: partitionOf(record.key, topic.partitions) };
    });
  }

  async #know(names: readonly string[]): Promise<void> {
    const missing = [...new Set(names)].filter((name) => !this.#topics.has(name));
    if (missing.length === 0) return;
    for (const [name, topic] of await readTopics(this.#database, missing)) this.#topics.set(name, topic);
    for (const name of missing) if (!this.#topics.has(name)) throw unknownTopic(name);
    this.#watch.start();
  }

  async subscribe(subscription: Subscription): Promise<RunningSubscription> {
    await this.#know(subscription.topics);
    this.#stopListening ??= this.#database.listen(CHANNEL, (payload) => this.#heard(payload));
    await this.#stopListening;
    this.#sweep();
    const topics = new Map(subscription.topics.map((name) => [name, this.#topics.get(name)!.partitions]));
    const running = new PostgresSubscription(subscription, topics, {
      database: this.#database,
      append: (records) => this.append(records),
      announce: (group) => this.#announce(group),
      leaseMs: this.#leaseMs,
      groups: {
        here: () => this.#logsHere().flatMap((log) => [...log.#subscriptions].map(({ member }) => member)),
        changes: () => this.#groupChanges,
        othersRead: (answer, changes) => {
          if (changes === this.#groupChanges) this.#othersRead = answer;
        },
      },
    });
    this.#subscriptions.add(running);
    READ_HERE.add(this);
    running.start();
    return {
      ready: () => running.ready(),
      stopped: () => running.stopped(),
      stop: async () => {
        await running.stop();
        this.#subscriptions.delete(running);
        if (this.#subscriptions.size === 0) READ_HERE.delete(this);
      },
    };
  }

  async ensureTopics(topics: readonly TopicDeclaration[]): Promise<void> {
    await ensureTopics(this.#database, topics);
    this.#sweep();
  }

  async lag(group: string, topics: readonly string[]): Promise<PartitionLag[]> {
    return readLag(this.#database, group, topics);
  }

  positions(group: string): Promise<GroupPosition[]> {
    return readPositions(this.#database, group);
  }

  async ping(): Promise<void> {
    await this.#database.query('select 1');
  }

  /** Deletes what is older than the topics' retention; runs by itself every ten minutes. */
  enforceRetention(): Promise<void> {
    return enforceRetention(this.#database);
  }

  /** Ends subscriptions and appends in hand. A database that was handed in is its owner's to close. */
  async close(): Promise<void> {
    clearInterval(this.#retention);
    READ_HERE.delete(this);
    await this.#watch.stop();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    this.#subscriptions.clear();
    await this.#entrance;
    await this.#writer.idle();
    const stopListening = await this.#stopListening;
    await stopListening?.();
    while (this.#notifying) await this.#notifying;
    await Promise.all(this.#announcements);
    if (this.#closes) await this.#database.close();
  }

  /**
   * Tells readers: those of this process directly, the others by NOTIFY, with the topics, so that who reads others sleeps
   * on. A statement of its own after the commit: NOTIFY inside the append would hold PostgreSQL's one notification lock
   * through the fsync. One at a time per process, none while nobody else reads; a lost one costs at most one poll interval (250 ms).
   */
  #appended(records: readonly PlacedRecord[]): void {
    const here = this.#logsHere();
    for (const log of here) for (const subscription of log.#subscriptions) subscription.appendedHere(records);
    if (here.some((log) => !log.#othersRead)) return;
    for (const { topic } of records) this.#untold.add(topic);
    this.#notifying ??= this.#tell().finally(() => (this.#notifying = undefined));
  }

  /** The logs of this process with readers, on the same database. */
  #logsHere(): PostgresEventLog[] {
    return [...READ_HERE].filter((log) => log.#database.sameAs(this.#database));
  }

  async #tell(): Promise<void> {
    while (this.#untold.size > 0) {
      const topics = [...this.#untold].join(' ');
      this.#untold.clear();
      const payload = topics.length <= MAX_PAYLOAD ? `appended ${PROCESS} ${topics}` : 'appended';
      await this.#database
        .query(NOTIFY, [payload])
        .catch((cause: unknown) => this.#log('debug', `telling readers of the log failed: ${String(cause)}`));
    }
  }

  #announce(group: string): void {
    const sent: Promise<unknown> = this.#database
      .query(NOTIFY, [`group ${group}`])
      .catch((cause: unknown) => this.#log('debug', `telling the group ${group} failed: ${String(cause)}`))
      .finally(() => this.#announcements.delete(sent));
    this.#announcements.add(sent);
  }

  #heard(payload: string | undefined): void {
    const [what, who, ...topics] = payload?.split(' ') ?? [];
    if (what === 'appended' && who === PROCESS) return;
    if (what === 'group' || what === undefined) {
      this.#othersRead = true; // perhaps: the next balance knows
      this.#groupChanges++;
    }
    for (const subscription of this.#subscriptions)
      if (what === 'group') subscription.rebalance(payload!.slice('group '.length));
      else if (topics.length > 0) subscription.appended(new Set(topics));
      else subscription.wake();
  }

  #sweep(): void {
    this.#retention ??= setInterval(() => {
      this.enforceRetention().catch((cause: unknown) =>
        this.#log('warn', `retention of the log failed: ${String(cause)}`),
      );
    }, RETENTION_EVERY_MS).unref();
  }
}
