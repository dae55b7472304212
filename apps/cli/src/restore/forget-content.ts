import type { Target } from '#contracts';
import type { Queryable } from '#db';

/**
 * What the targets acknowledged before the restore says nothing of what they hold now: a version that was lost may lie between. The next
 * version of each record is sent, though it equals the last one that the database knows. Facts keep what was posted: they are
 * changed by nothing but a reversal. That there is something at the target stays known: no content has this hash.
 */
export async function forgetContent(database: Queryable, targets: ReadonlyMap<string, Target>): Promise<void> {
  const states = [...targets].flatMap(([connection, { documents }]) =>
    [...documents.values()]
      .filter(({ nature }) => nature === 'state')
      .map(({ document }) => ({ connection, document })),
  );
  await database.query(
    `update lane l set acknowledged = '\\x00'
       from (select id from lane join unnest($1::text[], $2::text[]) as s(connection, document) using (connection, document)
              where acknowledged is not null order by id for update of lane) o
      where l.id = o.id`,
    [states.map(({ connection }) => connection), states.map(({ document }) => document)],
  );
}
