/** One figure of ours beside the same of somebody else, from one run. */
export interface Comparison {
  figure: string;
  unit: string;
  /** one value per round */
  ours: readonly number[];
  peer: string;
  theirs: readonly number[];
  /** of the ratio ours / theirs; `atMost` where less is better */
  goal?: { atLeast: number } | { atMost: number };
}

/** What a benchmark found; `npm run bench -- <name> --record` keeps it in docs/performance. */
export interface Report {
  /** what was set up how, one line each: versions, tuning, sizes */
  setup: readonly string[];
  comparisons: readonly Comparison[];
  /** figures without a peer */
  figures?: Readonly<Record<string, number | string>>;
  /** what a plot is drawn of: y over x */
  series?: readonly Series[];
}

export interface Series {
  name: string;
  x: string;
  y: string;
  points: readonly (readonly [x: number, y: number])[];
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

export function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN;
}

/** Medians over the rounds, and their ratio. */
export function judge({ ours, theirs, goal }: Comparison): {
  ours: number;
  theirs: number;
  ratio: number;
  met?: boolean;
} {
  const [own, other] = [median(ours), median(theirs)];
  const ratio = own / other;
  if (goal === undefined) return { ours: own, theirs: other, ratio };
  return { ours: own, theirs: other, ratio, met: 'atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost };
}

export function printReport({ setup, comparisons, figures = {} }: Report): void {
  for (const line of setup) say(line);
  const rows = comparisons.map((comparison) => {
    const { ours, theirs, ratio, met } = judge(comparison);
    const { figure, unit, peer, goal } = comparison;
    const wanted = goal === undefined ? '' : 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
    const verdict = met === undefined ? '' : met ? 'met' : 'not met';
    return [`${figure}, ${unit}`, short(ours), peer, short(theirs), short(ratio), wanted, verdict];
  });
  table([['figure', 'Crossdock', 'beside', 'its figure', 'ratio', 'goal', ''], ...rows]);
  for (const [name, value] of Object.entries(figures))
    say(`${name}: ${typeof value === 'number' ? short(value) : value}`);
}

/** Three figures are as many as a run on a shared machine can vouch for. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function table(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  for (const row of rows)
    say(
      row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    );
}

export function say(line: string): void {
  process.stdout.write(`  ${line}\n`);
}
