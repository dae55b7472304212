import type { Statement } from '#db';

/** What open fields of connection $1 ask for: ids by document types $2 and keys $3. */
export const LOOK_UP_REFERENCES: Statement = {
  name: 'delivery-look-up-references',
  text: `
select x.document as name, x.key, x.target_id as value
  from (select distinct * from unnest($2::text[], $3::text[]) as q(document, key)) q
  join xref x on x.connection = $1 and x.document = q.document and x.key = q.key`,
};

/** Values by sets $2 and originals $3; the connection's own map goes before the one for all. */
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
