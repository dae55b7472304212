import type { Database } from '#db';

/** A published row, as far as the judge needs it. */
export interface Seen {
  key: string;
  version: number;
}

export interface Recipe {
  published: Seen[];
  stop(): Promise<void>;
}

interface Row extends Seen {
  id: bigint;
  xid: bigint;
}

const ROW = `id, key, (headers ->> 'ce_aggregateversion')::integer as version, xmin::text::bigint as xid`;

/** Wrong: a cursor on the id alone. An id is drawn before its transaction commits, so lower ids appear later. */
export function idAboveLast(database: Database): Recipe {
  let last = 0n;
  return loop(async (published) => {
    const rows = await database.query<Row>(`select ${ROW} from outbox where id > $1 order by id limit 500`, [last]);
    published.push(...rows);
    last = rows.at(-1)?.id ?? last;
  });
}

/** Wrong: order by transaction id, bounded by xmin. A transaction gets its id at its first write, not at the record's lock. */
export function transactionIdBelowXmin(database: Database): Recipe {
  let last = 0n;
  return loop(async (published) => {
    const rows = await database.query<Row>(
      `select ${ROW} from outbox
       where xmin::text::bigint > $1 and xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       order by xmin::text::bigint, id`,
      [last],
    );
    published.push(...rows);
    last = rows.at(-1)?.xid ?? last;
  });
}

/** Wrong: several readers that skip each other's rows. Two rows of one record end up with two readers. */
export async function twoSkipLockedReaders(database: Database): Promise<Recipe> {
  await database.query('create table skip_locked_done (id bigint primary key)');
  const published: Seen[] = [];
  const readers = [0, 1].map(() =>
    loop(async () => {
      await database.transaction(async (tx) => {
        const rows = await tx.query<Row>(
          `select ${ROW} from outbox where not exists (select 1 from skip_locked_done as done where done.id = outbox.id)
           order by id limit 10 for update skip locked`,
        );
        await tx.query('insert into skip_locked_done select unnest($1::bigint[]) on conflict do nothing', [
          rows.map(({ id }) => id),
        ]);
        // sending takes its time, another one for each batch
        await new Promise((resolve) => setTimeout(resolve, rows.length % 7));
        published.push(...rows);
      });
    }),
  );
  return {
    published,
    stop: async () => {
      await Promise.all(readers.map((reader) => reader.stop()));
    },
  };
}

/** Reads again and again; `stop` lets it read twice more, so that what is committed by then counts. */
function loop(round: (published: Seen[]) => Promise<void>): Recipe {
  const published: Seen[] = [];
  let stopping = false;
  const running = (async () => {
    for (let left = 2; left > 0;) {
      if (stopping) left--;
      await round(published);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return {
    published,
    stop: () => {
      stopping = true;
      return running;
    },
  };
}
