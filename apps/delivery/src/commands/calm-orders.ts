import { bind as bindReference } from '#xref';
import type { Missing } from '../core/plan.ts';
import { lockDependencies, releaseWaiters } from '../engine/dependencies.ts';
import { UNFINISHED } from '../sql/unfinished.ts';
import { refuse, type Answer, type OrderContext } from './order.ts';

const field = (target: unknown, name: string): unknown =>
  typeof target === 'object' && target !== null ? (target as Record<string, unknown>)[name] : undefined;

const text = (target: unknown, name: string): string | undefined => {
  const value = field(target, name);
  return typeof value === 'string' ? value : undefined;
};

/** Fills a value map and releases who waits for one of its values. An empty connection name means all of them. */
export async function fill({ tx, targets, order, settled }: OrderContext): Promise<Answer> {
  const connection = text(order.target, 'connection') ?? '';
  const set = text(order.target, 'set');
  const values = field(order.target, 'values');
  if (set === undefined || typeof values !== 'object' || values === null)
    return refuse('a set and its values are needed');
  if (connection !== '' && !targets.has(connection)) return refuse(`no target connection is named ${connection}`);
  const entries = Object.entries(values as Record<string, unknown>);
  if (entries.some(([, to]) => typeof to !== 'string')) return refuse('every value must be text');
  const items = entries.map(([from]): Missing => ({ kind: 'value', name: set, key: from }));
  const ids: bigint[] = [];
  for (const name of connection === '' ? [...targets.keys()].sort() : [connection])
    ids.push(...(await lockDependencies(tx, name, items, true)).values());
  await tx.query(
    `insert into value_map (connection, set, from_value, to_value, changed_by)
     select $1, $2, x.from_value, x.to_value, $5 from unnest($3::text[], $4::text[]) as x(from_value, to_value)
     on conflict (connection, set, from_value) do update set to_value = excluded.to_value, changed_by = excluded.changed_by,
       changed_at = clock_timestamp()`,
    [connection, set, entries.map(([from]) => from), entries.map(([, to]) => to), order.actor],
  );
  const woken = await releaseWaiters(tx, ids);
  settled.push({ recorded: new Set(), rows: [], woken });
  return { done: { set, filled: entries.length } };
}

/** Binds a record's id at the target by hand and releases who waits for it. */
export async function bind({ tx, targets, order, settled }: OrderContext): Promise<Answer> {
  const [connection, document, key, targetId] = (['connection', 'document', 'key', 'targetId'] as const).map((name) =>
    text(order.target, name),
  );
  if (!connection || !document || !key || !targetId) return refuse('connection, document, key and targetId are needed');
  const declaration = targets.get(connection)?.documents.get(document);
  if (declaration === undefined) return refuse(`${connection} has no document type ${document}`);
  const [lane] = await tx.query<{ id: bigint; doubt: bigint | null; target_id: string | null }>(
    `select l.id, l.doubt, (select target_id from xref x where (x.connection, x.document, x.key) = (l.connection, l.document, l.key))
       from lane l where connection = $1 and document = $2 and key = $3 for update`,
    [connection, document, key],
  );
  if (lane !== undefined && lane.doubt !== null)
    return refuse('a request of this record is open or in doubt: resolve it, with the targetId');
  const ids = await lockDependencies(tx, connection, [{ kind: 'reference', name: document, key }], true);
  await bindReference(tx, { connection, document, key, targetId }, order.actor);
  // whoever prepared a request for it must decide anew; and what the record of another id holds counts for nothing of this one
  if (lane !== undefined)
    await tx.query(
      `update lane set token = token + 1, holder = null, until = null, due_at = clock_timestamp(),
         acknowledged = case when $2 then null else acknowledged end where id = $1`,
      [lane.id, declaration.nature === 'state' && lane.target_id !== null && lane.target_id !== targetId],
    );
  const woken = await releaseWaiters(tx, [...ids.values()]);
  settled.push({ recorded: new Set(), rows: [], woken: [...woken, connection] });
  return { done: { connection, document, key, targetId } };
}

/** Stops a flow or a connection from starting anything; requests in hand end as they would. */
export async function pause(context: OrderContext): Promise<Answer> {
  return setState(context, 'paused');
}

export async function resume(context: OrderContext): Promise<Answer> {
  return setState(context, 'running');
}

async function setState(
  { tx, targets, order, settled, statesChanged }: OrderContext,
  to: 'paused' | 'running',
): Promise<Answer> {
  const flow = text(order.target, 'flow');
  const connection = text(order.target, 'connection');
  const reason = to === 'paused' ? order.reason : null;
  if (flow !== undefined) {
    const changed = await tx.query(SET_FLOW, [flow, to, reason]);
    if (to === 'running') {
      // Whoever read "paused" before this commits may put its lane to sleep after we looked for it: looked for once more after that.
      if (changed.length > 0) {
        statesChanged();
        return { again: true };
      }
      const woken = await tx.query<{ connection: string }>(WAKE_FLOW, [flow]);
      settled.push({ recorded: new Set(), rows: [], woken: [...new Set(woken.map((row) => row.connection))] });
    }
  } else if (connection !== undefined) {
    if (!targets.has(connection)) return refuse(`no target connection is named ${connection}`);
    await tx.query(
      `insert into connection_state (connection, state, reason) values ($1, $2, $3)
       on conflict (connection) do update set state = excluded.state, reason = excluded.reason, changed_at = clock_timestamp()`,
      [connection, to === 'paused' ? 'paused' : 'active', reason],
    );
  } else return refuse('a flow or a connection is needed');
  statesChanged();
  return { done: { ...(flow === undefined ? { connection } : { flow }), state: to } };
}

/** Answers with a row where that changes something. */
const SET_FLOW = `
insert into flow_state as f (flow, state, reason) values ($1, $2, $3)
on conflict (flow) do update set state = excluded.state, reason = excluded.reason, changed_at = clock_timestamp()
 where f.state <> excluded.state or f.reason is distinct from excluded.reason
returning flow`;

/** Lanes that found their flow paused sleep until they are woken; ordered by id like every lock of several lanes. */
const WAKE_FLOW = `
update lane l set wake = true, due_at = case when l.holder is null then clock_timestamp() else l.due_at end
  from (select id from lane where id in (
          select lane_id from delivery where flow = $1 and ${UNFINISHED} and status in ('PENDING', 'RETRY_WAIT', 'HELD_PERIOD', 'PARKED', 'UNKNOWN')
        ) order by id for update) o
 where l.id = o.id returning l.connection`;
