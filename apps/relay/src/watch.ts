/**
 * Looks now and every `everyMs`, one look after the other. One that fails says nothing: the database is away, and the relay says so.
 * The returned function stops the watch, when the last look is over.
 */
export function watch(look: () => Promise<void>, everyMs: number): () => Promise<void> {
  const once = (): Promise<void> => look().catch(() => {});
  let looking = once();
  const timer = setInterval(() => {
    looking = looking.then(once);
  }, everyMs).unref();
  return async () => {
    clearInterval(timer);
    await looking;
  };
}
