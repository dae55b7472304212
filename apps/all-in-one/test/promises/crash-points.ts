/**
 * Every point at which a test kills a process, with the steps of the pipeline (C1-C32) that it stands between and the
 * rows of the fault matrix that it is a case of. In the sources they are comments of one line, `// crashpoint <name>`.
 * C30 happens with C27, in one transaction. C31 and C32 are another delivery: write-back is a flow.
 */
export const CRASH_POINTS = {
  'capture.before-keep': { steps: 'C1 C2 | C3', rows: 'F01' },
  'capture.after-keys': { steps: 'C4 | C5', rows: 'F01' },
  'capture.before-commit': { steps: 'C5 | C6', rows: 'F01' },
  'capture.after-commit': { steps: 'C6 | C7', rows: 'F02' },
  'capture.after-answer': { steps: 'C7 |', rows: 'F02' },
  'normaliser.after-claim': { steps: 'lease | append', rows: 'F01' },
  'normaliser.after-append': { steps: 'append | COMMIT', rows: 'F01' },
  'normaliser.after-commit': { steps: 'COMMIT |', rows: 'F01' },
  'relay.after-lease': { steps: 'C8 | C9', rows: 'F21' },
  'relay.before-send': { steps: 'C9 C10 | C11', rows: 'F21' },
  'relay.after-ack': { steps: 'C12 | C13', rows: 'F20' },
  'relay.after-settle': { steps: 'C13 C14 |', rows: 'F20' },
  'mapper.after-poll': { steps: 'C15 | C16', rows: 'F31' },
  'mapper.before-append': { steps: 'C17 | C18', rows: 'F31' },
  'mapper.after-append': { steps: 'C21 | C22', rows: 'F31' },
  'log.before-commit': { steps: '| C22 C28', rows: 'F31 F56' },
  'log.after-commit': { steps: 'C22 C28 |', rows: 'F31 F56' },
  'kafka.before-commit': { steps: '| C22 C28', rows: 'F31 F56' },
  'kafka.after-commit': { steps: 'C22 C28 |', rows: 'F31 F56' },
  'intake.before-commit': { steps: 'C18-C20 | C21 at delivery', rows: 'F31' },
  'intake.after-commit': { steps: 'C21 | C28', rows: 'F31 F56' },
  'delivery.after-claim': { steps: 'C23 | C24', rows: 'F56' },
  'delivery.before-attempt': { steps: '| C24', rows: 'F56' },
  'delivery.after-attempt': { steps: 'C24 | C25', rows: 'F56' },
  'delivery.bytes-leave': { steps: '| C25, with a delay C25 C29 | C26', rows: 'F43 F56' },
  'delivery.after-answer': { steps: 'C26 C29 | C27', rows: 'F56 F59' },
  'delivery.before-settle': { steps: '| C27 C30', rows: 'F56 F59' },
  'delivery.after-settle': { steps: 'C27 C30 | C28', rows: 'F56' },
  'delivery.after-look': { steps: 'the look of the resolver | what it says recorded', rows: 'F43 F56' },
} as const;
export type CrashPoint = keyof typeof CRASH_POINTS;

/** Passed once in the life of a process: it leads until it dies. */
export const PASSED_ONCE: ReadonlySet<CrashPoint> = new Set(['relay.after-lease']);

/** The rows that dying at these is a case of. */
export const casesOf = (points: readonly CrashPoint[]): string[] =>
  [...new Set(points.flatMap((point) => CRASH_POINTS[point].rows.split(' ')))].sort();

/** Those at which most is at stake, all of which `npm test` dies at: a case of each row that docs/guarantees.md names their test for. */
export const QUICK: readonly CrashPoint[] = [
  'capture.before-commit',
  'capture.after-commit',
  'relay.before-send',
  'relay.after-ack',
  'mapper.after-append',
  'intake.after-commit',
  'delivery.after-attempt',
  'delivery.after-answer',
  'delivery.before-settle',
];

/** A kill so long after a point, ms: while the records are on their way to the log, the request on its way to the ERP. */
export const IN_FLIGHT: readonly { point: CrashPoint; afterMs: number }[] = [
  { point: 'relay.before-send', afterMs: 2 },
  { point: 'delivery.bytes-leave', afterMs: 0 },
  { point: 'delivery.bytes-leave', afterMs: 4 },
];
