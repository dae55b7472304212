import { checkCounts } from './counts.ts';
import { checkEffects } from './effects.ts';
import { checkFates } from './fates.ts';
import { ANOMALY_CLASSES, type Anomaly, type AnomalyClass, type History } from './history.ts';
import { lanesOf } from './lane.ts';

/** Everything that is wrong with a run, each with its evidence; an empty list means the promises held. Pure. */
export function checkHistory(history: History): Anomaly[] {
  const lanes = lanesOf(history);
  return [
    ...lanes.flatMap((lane) => checkEffects(lane)),
    ...lanes.flatMap((lane) => checkFates(lane, lanes)),
    ...checkCounts(history),
  ];
}

/** How many of each class, all classes named: what a run prints. */
export function countAnomalies(anomalies: readonly Anomaly[]): Record<AnomalyClass, number> {
  const counts = Object.fromEntries(ANOMALY_CLASSES.map((name) => [name, 0])) as Record<AnomalyClass, number>;
  for (const anomaly of anomalies) counts[anomaly.class]++;
  return counts;
}

/** The first ten of each class, one line each. */
export function describeAnomalies(anomalies: readonly Anomaly[]): string {
  return ANOMALY_CLASSES.flatMap((name) => {
    const mine = anomalies.filter((anomaly) => anomaly.class === name);
    const lines = mine.slice(0, 10).map(({ where, evidence }) => `${name} ${where}: ${evidence}`);
    return mine.length > 10 ? [...lines, `${name}: ${mine.length - 10} more`] : lines;
  }).join('\n');
}
