import { clonedDatabase, describeEventLog } from '#testing';
import { Database } from '#db';
import { partitionOf } from '../partition.ts';
import { appendRecords } from './append.ts';
import { PostgresEventLog } from './postgres-event-log.ts';

const LEASE_MS = 2_000;

describeEventLog('PostgreSQL', { punchHole: true, disturb: true }, async () => {
  const { url, database, close } = await clonedDatabase({ max: 30 });
  const opened: { log: PostgresEventLog; database: Database }[] = [];
  return {
    address: { databaseUrl: url, leaseMs: LEASE_MS },
    open: async () => {
      const own = await Database.open({ url, name: 'event-log test' });
      const log = new PostgresEventLog({ database: own, leaseMs: LEASE_MS, watchEveryMs: 200 });
      opened.push({ log, database: own });
      return log;
    },
    close: async () => {
      for (const { log, database: own } of opened) {
        await log.close();
        await own.close();
      }
      await close();
    },
    passRetention: async (topic, partition, before) => {
      await database.query(
        `update log_record set appended_at = clock_timestamp() - interval '2 hours'
         where topic = $1 and partition = $2 and "offset" < $3`,
        [topic, partition, before],
      );
      await opened[0]!.log.enforceRetention();
    },
    addPartitions: async (topic, count) => {
      await database.query('update log_topic set partitions = $2 where topic = $1', [topic, count]);
      await database.query(
        `insert into log_partition (topic, partition) select $1, n from generate_series(0, $2::int - 1) as n
         on conflict do nothing`,
        [topic, count],
      );
    },
    punchHole: async (topic, partition, offset) => {
      await database.query(`delete from log_record where topic = $1 and partition = $2 and "offset" = $3`, [
        topic,
        partition,
        offset,
      ]);
    },
    disturb: async () => {
      const ended = await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name like 'crossdock event-log%'`,
      );
      if (ended.length < 3) throw new Error('there were hardly any connections to break');
    },
    appendSlowly: async (records, holdMs) => {
      await database.transaction(async (tx) => {
        await appendRecords(
          tx,
          records.map((record) => ({ ...record, partition: partitionOf(record.key, 3) })),
        );
        await tx.query('select pg_sleep($1)', [holdMs / 1000]);
      });
    },
  };
});
