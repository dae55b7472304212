import type { BreakerName, ConnectionStateName } from '#contracts';
import type { Queryable } from '#db';

export interface ConnectionState {
  connection: string;
  state: ConnectionStateName;
  breaker: BreakerName;
  held_until: Date | null;
  /** requests per minute a target throttled us to; null: as configured */
  rate: number | null;
  /** requests of the day of its zone, where it has a daily quota */
  quota_used: number;
  quota_resets_at: Date | null;
  reason: string | null;
  changed_at: Date;
}

const SQL = `
  select connection, state, breaker, case when held_until > clock_timestamp() then held_until end as held_until, reason, changed_at,
    connection_rate(connection_state) as rate,
    case when quota_resets_at > clock_timestamp() then quota_used else 0 end as quota_used,
    case when quota_resets_at > clock_timestamp() then quota_resets_at end as quota_resets_at
  from connection_state`;

export const connectionStates = (db: Queryable): Promise<ConnectionState[]> => db.query<ConnectionState>(SQL);

const FLOWS = `select flow, state from flow_state`;

export const flowStates = (db: Queryable): Promise<{ flow: string; state: 'running' | 'paused' }[]> => db.query(FLOWS);
