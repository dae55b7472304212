import { recordKey } from '#contracts';
import type { Database, Queryable } from '#db';
import { appendRows, drawVersion } from '#outbox';

/** Appends one event of a record as a service does: version under the lock, then the row. Its id and version. */
export async function appendIn(
  tx: Queryable,
  record: string,
  payload: Buffer = Buffer.from(record),
): Promise<{ id: bigint; version: bigint; key: string }> {
  const key = recordKey('t', 'order', record);
  const { version } = await drawVersion(tx, key);
  const [appended] = await appendRows(tx, [
    {
      eventId: crypto.randomUUID(),
      aggregateType: 'order',
      aggregateId: record,
      type: 'crm.order.updated',
      topic: 'crm.order.v1',
      key,
      headers: { ce_aggregateversion: String(version) },
      payload,
    },
  ]);
  return { id: appended!.outboxId, version, key };
}

/** The same in a transaction of its own. */
export const append = (database: Database, record: string, payload?: Buffer): ReturnType<typeof appendIn> =>
  database.transaction((tx) => appendIn(tx, record, payload));

/** A transaction that has appended and stays open until told how to end. */
export async function appendAndHold(
  database: Database,
  record: string,
): Promise<{ id: bigint; version: bigint; key: string; end(how: 'commit' | 'rollback'): Promise<void> }> {
  const session = await database.session();
  await session.query('begin');
  const appended = await appendIn(session, record);
  return {
    ...appended,
    end: async (how) => {
      await session.query(how);
      await session.close();
    },
  };
}
