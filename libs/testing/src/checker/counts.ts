import { FINISHED } from '#contracts';
import type { Anomaly, History } from './history.ts';

/** What the status page says of each flow, against what it shows one by one and what was sent: LIE. */
export function checkCounts(history: History): Anomaly[] {
  return Object.entries(history.counts).flatMap(([flow, said]) => {
    const shown = history.reports.filter((report) => report.flow === flow);
    const sent = history.events.filter(({ documents }) => documents.some((each) => each.flow === flow));
    const surely = sent.filter(({ answer }) => answer === 'accepted').length;
    const atMost = surely + sent.filter(({ answer }) => answer === 'unknown').length;
    const finished = shown.filter(({ status }) => FINISHED.has(status)).length;
    const delivered = shown.filter(({ status }) => status === 'DELIVERED').length;
    const wrong = [
      said.accepted < surely || said.accepted > atMost
        ? `says ${said.accepted} accepted, and ${surely === atMost ? surely : `${surely} to ${atMost}`} were`
        : undefined,
      said.finished + said.unfinished !== said.accepted
        ? `says ${said.accepted} accepted, ${said.finished} finished and ${said.unfinished} not: they do not add up`
        : undefined,
      said.finished !== finished ? `says ${said.finished} finished, and shows ${finished}` : undefined,
      said.delivered !== delivered ? `says ${said.delivered} delivered, and shows ${delivered}` : undefined,
    ];
    return wrong
      .filter((evidence) => evidence !== undefined)
      .map((evidence) => ({ class: 'LIE' as const, where: flow, evidence }));
  });
}
