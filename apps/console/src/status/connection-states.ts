import type { Queryable } from '#db';

export interface ConnectionState {
  connection: string;
  state: 'active' | 'paused' | 'needs_reauth';
  breaker: 'closed' | 'open' | 'half-open';
  held_until: Date | null;
  reason: string | null;
  changed_at: Date;
}

const SQL = `
  select connection, state, breaker, case when held_until > clock_timestamp() then held_until end as held_until, reason, changed_at
  from connection_state`;

export const connectionStates = (db: Queryable): Promise<ConnectionState[]> => db.query<ConnectionState>(SQL);

const FLOWS = `select flow, state from flow_state`;

export const flowStates = (db: Queryable): Promise<{ flow: string; state: 'running' | 'paused' }[]> => db.query(FLOWS);
