import { PostgresEventLog } from '#event-log';
import { describeRefill } from '../test/describe-refill.ts';

describeRefill('PostgreSQL', async ({ database }) => {
  const log = new PostgresEventLog({ database, leaseMs: 2_000 });
  return {
    log,
    passRetention: async (topic, partition, before) => {
      await database.query(
        `update log_record set appended_at = clock_timestamp() - interval '2 years'
         where topic = $1 and partition = $2 and "offset" < $3`,
        [topic, partition, before],
      );
      await log.enforceRetention();
    },
    close: () => log.close(),
  };
});
