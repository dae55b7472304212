import type { DeliveryStatus } from '#contracts';
import type { History, ReportedDelivery } from '#testing';
import { getJson, until } from '../support/product.ts';
import { status, sum } from '../support/records.ts';
import { effects } from '../support/witness.ts';
import { eventIdOf, NATURES, readEffects, type Version } from './records.ts';
import type { World } from './world.ts';

interface Item {
  id: string;
  flow: string;
  document: string;
  key: string;
  eventId: string;
  status: DeliveryStatus;
  errorClass?: string;
  error?: string;
  waitingFor?: unknown;
}

/** A delivery as the product shows it, with why it is not done. */
export interface Reported extends ReportedDelivery {
  errorClass?: string;
  error?: string;
}

/** Everything the three sides say, read when nothing moves any more. */
export async function collectHistory(world: World): Promise<History & { reports: readonly Reported[] }> {
  const { events, sent } = world.chronicle;
  const ledger = await until(
    () => effects<{ body: string }>(world.sandbox, '?bodies=true'),
    () => true,
    { within: 60_000, what: 'the ledger is read' },
  );
  const witnessed = readEffects(sent, ledger);
  const { flows } = await status(world.url);
  return {
    events,
    effects: witnessed,
    reports: await reportsOf(world.url, sent, repeatedIn(witnessed)),
    counts: Object.fromEntries(
      flows.map(({ name, accepted, finished, unfinished }) => [
        name,
        { accepted, finished: sum(finished), unfinished: sum(unfinished), delivered: finished['delivered']! },
      ]),
    ),
    natures: NATURES,
  };
}

/** Attempts are read where one version took effect more than once: there they have to account for it. */
export async function reportsOf(
  url: string,
  sent: readonly Version[],
  repeated: ReadonlySet<string>,
): Promise<Reported[]> {
  const versions = new Map(sent.map((each) => [eventIdOf(each), each.version]));
  const reports: Reported[] = [];
  let after = '';
  do {
    const page = await getJson<{ items: Item[]; next?: string }>(`${url}/api/v1/deliveries?limit=200${after}`);
    for (const { id, flow, document, key, eventId, status, waitingFor, errorClass, error } of page.items) {
      const version = versions.get(eventId) ?? -1;
      const report: Reported = { flow, document, key, version, status };
      if (errorClass !== undefined) report.errorClass = errorClass;
      if (error !== undefined) report.error = error;
      const awaited = /acme:[a-z]+:[^"]+/.exec(JSON.stringify(waitingFor ?? null))?.[0];
      if (awaited !== undefined) report.waitingFor = awaited;
      if (repeated.has(`${document} ${key} ${version}`)) report.attempts = await attemptsOf(url, id);
      reports.push(report);
    }
    after = page.next === undefined ? '' : `&after=${page.next}`;
  } while (after !== '');
  return reports;
}

async function attemptsOf(url: string, id: string): Promise<number> {
  const { attempts } = await getJson<{ attempts: { outcome: string }[] }>(`${url}/api/v1/deliveries/${id}`);
  return attempts.filter(({ outcome }) => outcome !== 'not-sent').length;
}

const repeatedIn = (witnessed: History['effects']): ReadonlySet<string> => {
  const seen = new Set<string>();
  return new Set(
    witnessed
      .filter(({ operation }) => operation !== 'reverse') // a posting that follows its reversal is no repeat
      .map(({ document, key, version }) => `${document} ${key} ${version}`)
      .filter((name) => seen.has(name) || !seen.add(name)),
  );
};
