/** Columns as wide as their widest cell; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (at === head.length - 1 ? cell : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)];
}

/** `1.2 s`, `3 min`, `5 h`, `2 days`: for people, so one unit is enough. */
export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

export const between = (from: string, to: string): string => span((Date.parse(to) - Date.parse(from)) / 1_000);

export const ago = (at: string, now: number = Date.now()): string =>
  `${span(Math.max(0, (now - Date.parse(at)) / 1_000))} ago`;

/** `2026-11-22 06:00:00.123 UTC` */
export const moment = (at: string): string => `${at.slice(0, 10)} ${at.slice(11, 23)} UTC`;

/** `1 delivery`, `2 deliveries` */
export const counted = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
