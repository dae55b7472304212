import { CRM_ENTITIES, crmTopic, RESULT_TOPIC } from '#contracts';
import { readHistory, reportHistory, type History } from '#db';
import { readToEnd } from '#event-log';
import { putBack, type Lost } from '#outbox';
import { endOrders } from './end-orders.ts';
import { leftOver, type LeftOver } from './left-over.ts';
import { lookForAll, type Finding, type Verdict } from './look.ts';
import { raiseResultVersions } from './result-versions.ts';
import type { Surroundings } from './surroundings.ts';

const NAMED = 200;

export interface Report {
  reason: string | null;
  /** what was committed between these is missing, as far as it is not listed here */
  missing: { from: string | null; to: string | null };
  /** in the log and not in the database: put back into the outbox; undefined: the log was restored with the database */
  events?: { putBack: number; takenIn: boolean; first: { topic: string; key: string; version: string; id: string }[] };
  /** orders about documents that waited at delivery, and are ended */
  orders: number;
  /** not taken in yet, so not looked for */
  left: LeftOver;
  deliveries: { counts: Record<Verdict, number>; findings: Finding[] };
}

/**
 * Finds what log and targets hold beyond the database, and stores what differs. May be run again: what was put back once is
 * known then. Sends nothing to any target.
 */
export async function makeReport({ database, log, targets, takeInMs }: Surroundings): Promise<Report> {
  const history = await readHistory(database);
  const orders = await endOrders(database);
  let putBackNow: Omit<NonNullable<Report['events']>, 'takenIn'> | undefined;
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
    putBackNow = { putBack: count, first };
  }
  const left = await leftOver({ database, log, takeInMs });
  const events = putBackNow && { ...putBackNow, takenIn: Object.keys(left).length === 0 };
  const { counts, findings } = await lookForAll(database, targets);
  const report: Report = {
    reason: history.reason,
    missing: {
      from: history.vouchedUntil?.toISOString() ?? null,
      to: history.doubtedAt?.toISOString() ?? null,
    },
    events,
    orders,
    left,
    deliveries: { counts, findings },
  };
  await reportHistory(database, report);
  return report;
}

export const isDoubted = (history: History): boolean => history.state === 'doubted';
