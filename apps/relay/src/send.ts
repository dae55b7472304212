import { RecordRefused, type EventLog, type LogRecord } from '#contracts';
import type { SetAside, UnreadRow } from '#outbox';

/** What became of a batch: every row is either published or set aside. */
export interface Sent {
  published: number;
  aside: SetAside[];
}

/**
 * Hands a batch to the log, rows of one key in id order. A row that the log refuses stops its key: the row and what
 * follows it of the same key are set aside, everything else goes. Adds to `stopped` once the rest is durable. Whatever
 * else the log throws comes through; then the same batch must be sent again, with the same `stopped`.
 */
export async function send(log: EventLog, rows: readonly UnreadRow[], stopped: Set<string>): Promise<Sent> {
  const aside: SetAside[] = [];
  const stop = new Set<string>();
  let open: { row: UnreadRow; record: LogRecord }[] = [];
  for (const row of rows)
    if (stopped.has(row.key)) aside.push({ id: row.id, key: row.key, reason: 'stands behind a row of its key' });
    else open.push({ row, record: recordOf(row) });
  for (;;) {
    try {
      if (open.length > 0) await log.append(open.map(({ record }) => record));
      for (const key of stop) stopped.add(key);
      return { published: open.length, aside };
    } catch (error) {
      const refused = error instanceof RecordRefused ? open.findIndex(({ record }) => record === error.record) : -1;
      if (refused < 0) throw error;
      const { id, key } = open[refused]!.row;
      const why = (error as RecordRefused).message;
      stop.add(key);
      open = open.filter(({ row }, at) => {
        if (at < refused || row.key !== key) return true;
        aside.push({ id: row.id, key, reason: at === refused ? why : `stands behind row ${id}` });
        return false;
      });
    }
  }
}

/** The row's record. `ce_acceptedat`, where lag starts, is when it was appended unless capture knows better. */
export function recordOf(row: UnreadRow): LogRecord {
  const headers = row.headers['ce_acceptedat']
    ? row.headers
    : { ...row.headers, ce_acceptedat: row.appendedAt.toISOString() };
  return { topic: row.topic, key: row.key, value: row.payload, headers };
}
