import { CrossdockError } from '#contracts';

/** Longest an orderly stop may take before the process ends anyway: orchestrators kill after 30 s. */
const STOP_MS = 28_000;

/**
 * Resolves at the first SIGINT or SIGTERM, or when the parent that started us with an IPC channel is gone. A second signal
 * ends the process at once.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (): void => {
      if (asked) process.exit(1);
      asked = true;
      resolve();
    };
    process.on('SIGINT', ask);
    process.on('SIGTERM', ask);
    if (process.channel) process.once('disconnect', ask);
  });
}

/** Runs the steps of a stop one after the other; a step that fails does not keep the next from running. */
export async function stopInOrder(steps: readonly (() => Promise<void> | void)[]): Promise<void> {
  const late = setTimeout(() => {
    process.stderr.write('crossdock: the stop took too long and was cut short; the next start recovers\n');
    process.exit(1);
  }, STOP_MS);
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  clearTimeout(late);
  if (failures.length > 0)
    throw new CrossdockError('CROSSDOCK_STOP_FAILED', `the stop was not clean: ${failures.map(String).join('; ')}`, {
      cause: failures[0],
    });
}
