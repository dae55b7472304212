import { RecordRefused, type EventLog } from '#contracts';
import type { Database } from '#db';
import { markReleased, readSetAside } from '#outbox';
import type { Refills, RefillTarget } from './refill.ts';
import { recordOf } from './send.ts';

const CHUNK = 200;

/** A key's commands are its own shard's, which knows what is stopped; all others are shard 0's. */
const WAITING = `
  select id, kind, target from command
  where stage = 'relay' and status = 'waiting'
    and $1 = coalesce(relay_shard(target->>'key', (select count(*)::integer from relay_cursor)), 0)
  order by created_at, id limit 10`;

/** Whoever waits for the answer is told. */
const ANSWER = `
  with answered as (
    update command set status = $2, result = $3, done_at = clock_timestamp() where id = $1 and status = 'waiting' returning id
  )
  select pg_notify('crossdock_command_done', id::text) from answered`;

interface Command {
  id: string;
  kind: string;
  target: { key?: unknown; group?: unknown; topic?: unknown; partition?: unknown };
}

export interface CommandsOptions {
  database: Database;
  log: EventLog;
  shard: number;
  epoch: bigint;
  /** the leader's stopped keys; a released one leaves */
  stopped: Set<string>;
  /** the leader's, for as long as it leads */
  refills: Refills;
}

/**
 * Executes what people ordered of the relay, oldest first; called by the leader between two batches.
 *
 * - `release` with `{key}`: what stands aside of the key goes to the log in id order, then the key flows again. If the log
 *   still refuses a row, the command is refused with that row's reason, and the key stays stopped from there.
 * - `refill` with `{group?, topic?, partition?}`: see refill.ts.
 */
export async function executeCommands(options: CommandsOptions): Promise<void> {
  const waiting = await options.database.query<Command>(WAITING, [options.shard]);
  for (const command of waiting) {
    const executed = await execute(command, options);
    if (!executed && command.kind === 'refill') continue; // it takes a while
    if (!executed) return; // the log is away: the command waits
    const { done, result } = executed;
    await options.database.query(ANSWER, [command.id, done ? 'done' : 'refused', JSON.stringify(result)]);
  }
}

interface Executed {
  done: boolean;
  result: Record<string, unknown>;
}

async function execute(command: Command, options: CommandsOptions): Promise<Executed | undefined> {
  const { key } = command.target;
  if (command.kind === 'refill') return options.refills.execute(command.id, refillTarget(command.target));
  if (command.kind !== 'release')
    return { done: false, result: { reason: 'the relay knows two commands: release and refill' } };
  if (typeof key !== 'string') return { done: false, result: { reason: 'release needs a key' } };
  return release(key, options);
}

function refillTarget({ group, topic, partition }: Command['target']): RefillTarget {
  return {
    ...(typeof group === 'string' && { group }),
    ...(typeof topic === 'string' && { topic }),
    ...(typeof partition === 'number' && { partition }),
  };
}

async function release(
  key: string,
  { database, log, shard, epoch, stopped }: CommandsOptions,
): Promise<Executed | undefined> {
  let published = 0;
  for (;;) {
    const rows = await readSetAside(database, key, CHUNK);
    if (rows.length === 0) break;
    const records = rows.map(recordOf);
    let taken = rows.length;
    let refused: RecordRefused | undefined;
    while (taken > 0) {
      try {
        await log.append(records.slice(0, taken));
        break;
      } catch (error) {
        if (!(error instanceof RecordRefused)) return undefined;
        refused = error;
        taken = records.indexOf(error.record);
      }
    }
    const ids = rows.slice(0, Math.max(taken, 0)).map(({ id }) => id);
    if (ids.length > 0 && !(await markReleased(database, shard, epoch, ids)))
      return { done: false, result: { published, reason: 'another relay took over meanwhile; order it again' } };
    published += ids.length;
    if (refused) return { done: false, result: { published, reason: refused.message } };
  }
  stopped.delete(key);
  return { done: true, result: { published } };
}
