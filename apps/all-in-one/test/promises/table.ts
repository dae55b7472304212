import { ANOMALY_CLASSES, countAnomalies, type AnomalyClass } from '#testing';
import { endedAs } from './gates.ts';
import type { RunResult } from './run.ts';

export interface Row {
  fault: string;
  /** of the fault matrix */
  rows: string;
  tiers: string;
  seed: number;
  kills: number;
  result: RunResult;
}

const COLUMNS = [
  ['fault', 26],
  ['rows', 31],
  ['tiers', 6],
  ['kills', 6],
  ['events', 7],
  ['effects', 8],
  ['spoilt', 7],
  ['parked', 7],
  ['dead', 5],
  ['held', 5],
  ...ANOMALY_CLASSES.map((name) => [name, name.length + 1] as const),
  ['recovered', 10],
] as const;

const ENDED = ['PARKED', 'DEAD', 'HELD_'] as const;

const line = (cells: readonly (string | number)[]): string =>
  cells
    .map((cell, n) => (n < 3 ? String(cell).padEnd(COLUMNS[n]![1]) : String(cell).padStart(COLUMNS[n]![1])))
    .join(' ');

export const heading = (): string => line(COLUMNS.map(([name]) => name));

/** `spoilt`: calls of the targets that went wrong by plan. `held`: waits for a record, a person or a date. `recovered`: from healing to rest. */
export function rowOf({ fault, rows, tiers, kills, result }: Row): string {
  const counts = countAnomalies(result.anomalies);
  return line([
    fault,
    rows,
    tiers,
    kills,
    result.sent,
    result.effects,
    result.callsSpoilt,
    ...ENDED.map((word) => endedAs(result, word)),
    ...ANOMALY_CLASSES.map((name) => counts[name]),
    `${(result.recoveredAfterMs / 1000).toFixed(1)} s`,
  ]);
}

/** Of the kinds of harm that were asked for, those that were not begun: the run fails by them as by an anomaly. */
export const notBegun = (asked: readonly string[], begun: readonly string[]): string[] =>
  asked.filter((fault) => !begun.includes(fault));

/** All rows together, and what is `missing` from them. */
export function totalOf(rows: readonly Row[], missing: readonly string[] = []): string {
  const total = (of: (row: Row) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  const count = (name: AnomalyClass): number => total(({ result }) => countAnomalies(result.anomalies)[name]);
  const longest = Math.max(0, ...rows.map(({ result }) => result.recoveredAfterMs)) / 1000;
  const all = line([
    'all',
    '',
    '',
    total(({ kills }) => kills),
    total(({ result }) => result.sent),
    total(({ result }) => result.effects),
    total(({ result }) => result.callsSpoilt),
    ...ENDED.map((word) => total(({ result }) => endedAs(result, word))),
    ...ANOMALY_CLASSES.map(count),
    `${longest.toFixed(1)} s`,
  ]);
  return missing.length === 0 ? all : `${all}\nnot begun: ${missing.join(', ')}`;
}

/** Where a kind of harm needs what this machine does not give: the line says so, and why. */
export const notTested = (fault: string, rows: string, why: string): string =>
  `${line([fault, rows])} not tested: ${why}`;
