import { Commands } from '../src/commands/commands.ts';
import { Store } from '../src/engine/store.ts';
import { ResultWriter } from '../src/engine/results.ts';
import { until, type World } from './harness.ts';

export interface Placed {
  status: string;
  result: Record<string, unknown>;
}

/** Executes orders for a world, and places them as the console does. */
export async function order(w: World) {
  const engine = w.wakeAll;
  const store = new Store({
    database: w.database,
    results: new ResultWriter(w.schemas, w.registry),
    holder: 'orders',
    leaseMs: 900,
  });
  const commands = new Commands({
    database: w.database,
    store,
    targets: new Map([[w.connection.name, w.target]]),
    schemas: w.schemas,
    settled: () => engine(),
    statesChanged: () => engine(),
  });
  await commands.start();
  return {
    stop: () => commands.stop(),
    /** its id, while nothing has become of it */
    async put(kind: string, target: unknown, events: readonly string[] = []): Promise<string> {
      const [row] = await w.database.query<{ id: string }>(
        `with placed as (insert into command (stage, kind, target, actor, reason) values ('delivery', $1, $2, 'ada', 'because') returning id),
         events as (insert into command_event (command_id, n, event_id) select id, n, event from placed, unnest($3::uuid[]) with ordinality as x(event, n))
         select placed.id, pg_notify('crossdock_command', id::text) from placed`,
        [kind, JSON.stringify(target), events],
      );
      return row!.id;
    },
    answer: (id: string): Promise<Placed> =>
      until('the order is answered', async () => {
        const [answer] = await w.database.query<Placed>('select status, result from command where id = $1', [id]);
        return answer!.status === 'waiting' ? undefined : answer;
      }),
    async place(kind: string, target: unknown, events: readonly string[] = []): Promise<Placed> {
      return this.answer(await this.put(kind, target, events));
    },
    async on(event: string, kind: string, more: Record<string, unknown> = {}): Promise<Placed> {
      return this.place(kind, { deliveryId: String((await w.row(event))['id']), ...more });
    },
  };
}
