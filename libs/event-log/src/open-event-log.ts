import { CrossdockError } from '#contracts';
import type { EventLog } from '#contracts';
import type { Database } from '#db';
import { PostgresEventLog } from './postgres/postgres-event-log.ts';

export interface EventLogOptions {
  kafka?: { brokers: string[] };
  database?: Database;
  leaseMs?: number;
}

export async function openEventLog(options: EventLogOptions): Promise<EventLog> {
  if (!options.database)
    throw new CrossdockError('CROSSDOCK_LOG_UNCONFIGURED', 'neither Kafka nor a database is given');
  return new PostgresEventLog({ database: options.database, leaseMs: options.leaseMs });
}
