/**
 * `work`, at most so often that it takes no more than `share` of the time: callers in between get the last answer, callers
 * at once share one run. Work faster than `least` ms is never held back. A failure is not kept.
 */
export function paced<T>(
  work: () => Promise<T>,
  pace: { share: number; least: number },
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let running: Promise<T> | undefined;
  let last: { value: T; until: number } | undefined;
  const run = async (): Promise<T> => {
    const begun = now();
    try {
      const value = await work();
      const took = now() - begun;
      last = { value, until: took < pace.least ? 0 : now() + took / pace.share - took };
      return value;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (running !== undefined) return running;
    if (last !== undefined && now() < last.until) return last.value;
    return (running = run());
  };
}
