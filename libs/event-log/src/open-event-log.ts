import { CrossdockError } from '#contracts';
import type { EventLog } from '#contracts';
import { Database, QUERY_TIMEOUT_MS } from '#db';
import type { KafkaConnection, OnLog } from './kafka/client.ts';
import { PostgresEventLog } from './postgres/postgres-event-log.ts';

export interface EventLogOptions {
  /** wins when given */
  kafka?: KafkaConnection;
  /** our own PostgreSQL; stays its owner's to close */
  database?: Database;
  /** the same for a stage that sees no database: the log opens a pool of its own and closes it with itself */
  databaseUrl?: string;
  /** what an adapter has to say besides problems; one function, so that nothing is printed by a library */
  onLog?: OnLog;
  /** how long a member that says nothing keeps its partitions, ms; default 10 s */
  leaseMs?: number;
  /** how long Kafka is given for one batch before the append fails, ms; default two minutes */
  giveUpAfterMs?: number;
}

/** Kafka where brokers are given, else PostgreSQL; nothing above knows which. Kafka is reached with the first call. */
export async function openEventLog({
  kafka,
  database,
  databaseUrl,
  onLog,
  leaseMs,
  giveUpAfterMs,
}: EventLogOptions): Promise<EventLog> {
  if (kafka && kafka.brokers.length > 0) {
    const { KafkaEventLog } = await import('./kafka/kafka-event-log.ts');
    return new KafkaEventLog({ ...kafka, onLog, sessionMs: leaseMs, giveUpAfterMs });
  }
  if (database) return new PostgresEventLog({ database, onLog, leaseMs });
  if (databaseUrl) {
    const own = await Database.open({
      url: databaseUrl,
      name: 'event-log',
      max: 6,
      byKey: true,
      queryTimeoutMs: QUERY_TIMEOUT_MS,
    });
    return new PostgresEventLog({ database: own, onLog, leaseMs, closes: true });
  }
  throw new CrossdockError('CROSSDOCK_LOG_UNCONFIGURED', 'the event log needs Kafka brokers or a database');
}
