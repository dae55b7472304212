import { RESULT_TYPE } from '#contracts';
import type { Queryable } from '#db';
import { detailsOf, type DeliveryDetail } from '../deliveries/detail.ts';
import { DELIVERY_COLUMNS, type DeliveryRow } from '../deliveries/delivery-row.ts';

/** The newest that a record's source was told of it; what the mapping had nothing to say about is left out. */
const MOST = 20;
/** `order by id` is the order of arrival at delivery. */
const OF_KEY = `
  select * from (
    select ${DELIVERY_COLUMNS} from delivery d
    where d.key = $1 and d.event_type like '${RESULT_TYPE}%' and d.kind <> 'ignored'
    order by d.id desc limit ${MOST}
  ) as newest
  order by id`;

/** Write-backs stand under the key of the record they are about; the event behind each is a result, not one of the record's own. */
export async function writtenBack(db: Queryable, key: string): Promise<DeliveryDetail[]> {
  return detailsOf(db, await db.query<DeliveryRow>(OF_KEY, [key]));
}
