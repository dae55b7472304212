import type { Statement } from '#db';

/**
 * Leases of records for one normaliser: the ones asked for, as far as nobody else holds them. The token is new each time,
 * so that a process which was frozen past its lease finds its own token gone. `order by`: two claims of the same records
 * meet at the first and cannot deadlock.
 */
export const CLAIM_LEASES: Statement = {
  name: 'capture-claim-leases',
  text: `
    insert into normalise_lease as held (key, token, until)
    select key, nextval('normalise_token'), clock_timestamp() + make_interval(secs => $2 / 1000.0)
    from unnest($1::text[]) as wanted (key)
    order by key collate "C"
    on conflict (key) do update set token = excluded.token, until = excluded.until
      where held.until < clock_timestamp()
    returning key, token`,
};

export interface Lease {
  key: string;
  token: bigint;
}
