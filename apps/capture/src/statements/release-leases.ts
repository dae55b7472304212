import type { Statement } from '#db';

/** Gives leases back undone. No order is needed: nobody else waits for a lease with our token. */
export const RELEASE_LEASES: Statement = {
  name: 'capture-release-leases',
  text: `
    delete from normalise_lease as held using unnest($1::text[], $2::bigint[]) as mine (key, token)
    where held.key = mine.key and held.token = mine.token`,
};
