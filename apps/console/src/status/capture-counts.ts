import type { Queryable } from '#db';

export interface CaptureCounts {
  received: number;
  published: number;
  rejected: number;
  pending: number;
  /** rejected once, and given up by a person */
  dismissed?: number;
}

/** The total comes from the primary key's index alone, the rest from partial indexes. */
const SQL = `
  select (select count(*) from captured)::int as received,
    (select count(*) from captured where status = 'rejected')::int as rejected,
    (select count(*) from captured where status = 'waiting')::int as pending,
    (select count(*) from captured where status = 'dismissed')::int as dismissed`;

export async function captureCounts(db: Queryable): Promise<CaptureCounts> {
  const [row] = await db.query<Omit<CaptureCounts, 'published'>>(SQL);
  const { received, rejected, pending, dismissed = 0 } = row!;
  return {
    received,
    published: received - rejected - pending - dismissed,
    rejected,
    pending,
    dismissed: dismissed || undefined,
  };
}
