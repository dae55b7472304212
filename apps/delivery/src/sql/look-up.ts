import type { Statement } from '#db';

/** Values of connection $1 by sets $2 and originals $3; the connection's own map goes before the one for all. */
export const LOOK_UP_VALUES: Statement = {
  name: 'delivery-look-up-values',
  text: `
select distinct on (v.set, v.from_value) v.set as name, v.from_value as key, v.to_value as value
  from (select distinct * from unnest($2::text[], $3::text[]) as q(set, from_value)) q
  join value_map v on v.connection in ($1, '') and v.set = q.set and v.from_value = q.from_value
 order by v.set, v.from_value, v.connection desc`,
};

export interface FoundRow {
  name: string;
  key: string;
  value: string;
}
