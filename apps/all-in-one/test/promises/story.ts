import { countAnomalies, describeAnomalies, type Anomaly, type AnomalyClass } from '#testing';
import { timeline } from '../support/records.ts';
import type { Reported } from './collect.ts';

/** What the product tells of one record, one line per delivery: what a person would look at first. */
async function tell(url: string, key: string): Promise<string> {
  const [, entity, id] = key.split(':');
  const record = await timeline(url, entity!, id!);
  const lines = record.events.flatMap((event) =>
    event.deliveries.map(({ document, status, waitingFor, targetId, attempts }) => {
      const tries = attempts.map(({ n, outcome, httpStatus, ...more }) =>
        [n, outcome, httpStatus, ...Object.values(pick(more))].filter((word) => word !== undefined).join(' '),
      );
      const waits = waitingFor ? ` waits for ${JSON.stringify(waitingFor)}` : '';
      return `  v${event.aggregateVersion} ${document} ${status}${waits} ${targetId ?? ''} [${tries.join('; ')}]`;
    }),
  );
  return [key, ...lines].join('\n');
}

const pick = (attempt: object): object =>
  Object.fromEntries(
    Object.entries(attempt).filter(([name]) => /^(operation|doubt|error|startedAt|endedAt)$/.test(name)),
  );

/** As many records are told of as a person reads. */
const TOLD = 3;

/** Seed first, so that a person can run it again; then every anomaly; then all that is known of the first records, unfinished ones too. */
export async function storyOf(
  url: string,
  seed: number,
  did: readonly string[],
  anomalies: readonly Anomaly[],
  unfinished: readonly Reported[],
): Promise<string> {
  const wrong = anomalies
    .slice(0, TOLD)
    .flatMap(({ where, evidence }) => [where, evidence].join(' ').match(/acme:[a-z]+:[\w-]+/g) ?? []);
  const keys = [...wrong, ...unfinished.slice(0, TOLD).map(({ key }) => key)];
  const told = await Promise.all(
    [...new Set(keys)].map((key) => tell(url, key).catch((error: unknown) => String(error))),
  );
  return [`seed ${seed}`, `on the way: ${did.join(', ')}`, describeAnomalies(anomalies), ...told].join('\n');
}

/** Throws the whole story unless every class is 0. */
export function expectNothingWrong({ anomalies, story }: { anomalies: readonly Anomaly[]; story: string }): void {
  if (anomalies.length === 0) return;
  const counts: Record<AnomalyClass, number> = countAnomalies(anomalies);
  throw new Error(`${JSON.stringify(counts)}\n${story}`);
}
