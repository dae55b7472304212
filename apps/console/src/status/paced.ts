/**
 * `work`, at most so often that it takes no more than `share` of the time, and not again within `every` ms: callers in
 * between get the last answer; callers during a run share the next one, because what they just did is not in this one.
 * Work faster than `least` ms is held back by `every` alone, and no answer is kept longer than `most` ms for its cost. A
 * failure is not kept.
 */
export function paced<T>(
  work: () => Promise<T>,
  pace: { share: number; least: number; every?: number; most?: number },
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let running: Promise<T> | undefined;
  let queued: Promise<T> | undefined;
  let last: { value: T; until: number } | undefined;
  const run = async (): Promise<T> => {
    const begun = now();
    try {
      const value = await work();
      const took = now() - begun;
      const rest = took < pace.least ? 0 : Math.min(took / pace.share - took, pace.most ?? Infinity);
      last = { value, until: now() + Math.max(rest, pace.every ?? 0) };
      return value;
    } finally {
      running = undefined;
    }
  };
  const ask = async (): Promise<T> => {
    if (running !== undefined) return (queued ??= afterThis(running));
    if (last !== undefined && now() < last.until) return last.value;
    return (running = run());
  };
  const afterThis = async (current: Promise<T>): Promise<T> => {
    await current.catch(() => {}); // its own callers hear of it
    queued = undefined;
    return ask();
  };
  return ask;
}
