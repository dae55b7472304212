import type { Queryable, Statement } from '#db';

/** Which id a record has at a target. Unique on (connection, document, key). */
export interface CrossReference {
  connection: string;
  /** document type */
  document: string;
  /** record key */
  key: string;
  targetId: string;
}

const BIND: Statement = {
  name: 'xref-bind',
  text: `
insert into xref (connection, document, key, target_id, bound_by) values ($1, $2, $3, $4, $5)
on conflict (connection, document, key) do update set target_id = excluded.target_id, bound_by = excluded.bound_by,
  bound_at = clock_timestamp() where xref.target_id <> excluded.target_id`,
};

/**
 * Binds a record's id, replacing another one. Whoever may have waiters must have locked the dependency before and release
 * them in the same transaction: delivery's orders do. `by` is the delivery or the person.
 */
export async function bind(tx: Queryable, reference: CrossReference, by: string): Promise<void> {
  await tx.query(BIND, [reference.connection, reference.document, reference.key, reference.targetId, by]);
}
