import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Transaction } from '#db';
import { ProblemError } from '#platform';
import { iso, opt } from '../api/json.ts';
import { UUID } from '../api/query.ts';
import { ConsoleDatabase } from '../console-database.ts';

/** What a person orders of a stage. Whoever executes it answers in the same row. */
export interface Order {
  stage: 'delivery' | 'relay' | 'capture';
  kind:
    | 'retry'
    | 'resolve'
    | 'cancel'
    | 'edit'
    | 'replay'
    | 'cancel-replay'
    | 'bind'
    | 'fill'
    | 'pause'
    | 'resume'
    | 'release'
    | 'refill'
    | 'renormalise'
    | 'dismiss';
  target: Record<string, unknown>;
  reason: string;
}

interface CommandRow {
  id: string;
  stage: string;
  kind: string;
  target: Record<string, unknown>;
  actor: string;
  reason: string;
  status: 'waiting' | 'done' | 'refused';
  result: Record<string, unknown> | null;
  created_at: Date;
  done_at: Date | null;
}

export type CommandState = ReturnType<typeof commandState>;

const COLUMNS = 'id, stage, kind, target, actor, reason, status, result, created_at, done_at';
/** NOTIFY is sent with the commit of the row. */
const PLACE = `
  with placed as (
    insert into command (stage, kind, target, actor, reason) values ($1, $2, $3, $4, $5) returning ${COLUMNS}
  )
  select placed.*, pg_notify('crossdock_command', id::text) from placed`;
const READ = `select ${COLUMNS} from command where id = $1`;

/** Stages ring this when they have answered; a look every 100 ms makes up for those that do not. */
const DONE = 'crossdock_command_done';
const LOOK_MS = 100;
const WAIT_MS = 2_000;

@Injectable()
export class CommandService implements OnModuleInit, OnApplicationShutdown {
  readonly #database: ConsoleDatabase;
  readonly #waiting = new Set<() => void>();
  #stop: (() => Promise<void>) | undefined;

  constructor(database: ConsoleDatabase) {
    this.#database = database;
  }

  async onModuleInit(): Promise<void> {
    this.#stop = await this.#database.database.listen(DONE, () => {
      for (const look of this.#waiting) look();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#stop?.();
  }

  /** Writes the order, and in the same transaction what else belongs to it, and waits up to 2 s for its answer. */
  async place(order: Order, more?: (tx: Transaction, id: string) => Promise<void>): Promise<CommandState> {
    const row = await this.#database.database.transaction(async (tx) => {
      const placed = [order.stage, order.kind, JSON.stringify(order.target), 'api', order.reason];
      const [row] = await tx.query<CommandRow>(PLACE, placed);
      await more?.(tx, row!.id);
      return row;
    });
    const until = performance.now() + WAIT_MS;
    let state = row!;
    while (state.status === 'waiting' && performance.now() < until) {
      await this.#rung(Math.min(LOOK_MS, until - performance.now()));
      [state] = (await this.#database.query<CommandRow>(READ, [row!.id])) as [CommandRow];
    }
    return commandState(state);
  }

  async read(id: string): Promise<CommandState> {
    const [row] = UUID.test(id) ? await this.#database.query<CommandRow>(READ, [id]) : [];
    if (row === undefined) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no command "${id}"`);
    return commandState(row);
  }

  #rung(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(look, milliseconds);
      this.#waiting.add(look);
    });
  }
}

function commandState(row: CommandRow) {
  return {
    commandId: row.id,
    stage: row.stage,
    kind: row.kind,
    target: row.target,
    actor: row.actor,
    reason: row.reason,
    status: row.status,
    result: opt(row.result),
    createdAt: iso(row.created_at)!,
    doneAt: iso(row.done_at),
  };
}
