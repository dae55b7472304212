import { CrossdockError } from '#contracts';

/** The answer, or after `ms` without one a throw. Whoever asked is not told: close what is asked by. */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    late = setTimeout(() => {
      const message = `Kafka did not answer within ${ms} ms`;
      reject(new CrossdockError('CROSSDOCK_LOG_UNAVAILABLE', message, { retryable: true }));
    }, ms);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(late);
  }
}
