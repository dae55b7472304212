import { CRM_ENTITIES, crmTopic, RESULT_TOPIC } from '#contracts';
import { readHistory, reportHistory, type History } from '#db';
import { readToEnd } from '#event-log';
import { putBack, type Lost } from '#outbox';
import { lookForAll, type Finding, type Verdict } from './look.ts';
import { raiseResultVersions } from './result-versions.ts';
import type { Surroundings } from './surroundings.ts';

const NAMED = 200;
/** How long the stages get to take in what was put back into the outbox. */
const TAKE_IN_MS = 60_000;

export interface Report {
  reason: string | null;
  /** what was committed between these is missing, as far as it is not listed here */
  missing: { from: string | null; to: string | null };
  /** in the log and not in the database: put back into the outbox; undefined: the log was restored with the database */
  events?: { putBack: number; takenIn: boolean; first: { topic: string; key: string; version: string; id: string }[] };
  deliveries: { counts: Record<Verdict, number>; findings: Finding[] };
}

/**
 * Finds what log and targets hold beyond the database, and stores what differs. May be run again: what was put back once is
 * known then. Sends nothing to any target.
 */
export async function makeReport({ database, log, targets }: Surroundings): Promise<Report> {
  const history = await readHistory(database);
  let events: Report['events'];
  if (log !== undefined) {
    const lost: Lost[] = [];
    let count = 0;
    await readToEnd(log, CRM_ENTITIES.map(crmTopic), async (records) => {
      const missing = await putBack(database, records);
      count += missing.length;
      lost.push(...missing.slice(0, NAMED - lost.length));
    });
    await readToEnd(log, [RESULT_TOPIC], (records) => raiseResultVersions(database, records));
    const first = lost.map(({ record, envelope }) => ({
      topic: record.topic,
      key: record.key,
      version: String(envelope.aggregateversion),
      id: envelope.id,
    }));
    events = { putBack: count, takenIn: count === 0 || (await takenIn(database)), first };
  }
  const { counts, findings } = await lookForAll(database, targets);
  const report: Report = {
    reason: history.reason,
    missing: {
      from: history.vouchedUntil?.toISOString() ?? null,
      to: history.doubtedAt?.toISOString() ?? null,
    },
    events,
    deliveries: { counts, findings },
  };
  await reportHistory(database, report);
  return report;
}

/** Every event of the outbox has become deliveries, markers or an unrouted row. Relay, mapper and delivery do that; they send nothing. */
const LEFT = `
  select exists (select 1 from outbox_unpublished) or exists (
    select 1 from crm_event e
    where e.outbox_id > (select coalesce(max(outbox_id), 0) - 100000 from crm_event) and e.replay_of is null
      and not exists (select 1 from delivery d where d.event_id = e.event_id)
      and not exists (select 1 from unrouted u where u.event_id = e.event_id)
      and not exists (select 1 from dead_letter l where l.event_id = e.event_id)) as left_over`;

async function takenIn(database: Surroundings['database']): Promise<boolean> {
  for (const end = performance.now() + TAKE_IN_MS; performance.now() < end;) {
    const [row] = await database.query<{ left_over: boolean }>(LEFT);
    if (!row!.left_over) return true;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return false;
}

export const isDoubted = (history: History): boolean => history.state === 'doubted';
