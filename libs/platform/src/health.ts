/** Readiness: what this process needs to do its work. Liveness is only "the event loop turns". */
export class Health {
  readonly #checks = new Map<string, () => Promise<void>>();
  started = false;
  stopping = false;

  /** `check` throws (in one sentence) why the process cannot work. Called on each readiness request; must be cheap. */
  register(name: string, check: () => Promise<void>): void {
    this.#checks.set(name, check);
  }

  /** name -> `ok`, or what is wrong. A check that takes over 2 s counts as wrong. */
  async readiness(): Promise<{ ready: boolean; checks: Record<string, string> }> {
    const checks: Record<string, string> = {};
    await Promise.all(
      [...this.#checks].map(async ([name, check]) => {
        checks[name] = await within(check(), 2_000).then(
          () => 'ok',
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        );
      }),
    );
    const ready = this.started && !this.stopping && Object.values(checks).every((state) => state === 'ok');
    return { ready, checks };
  }
}

function within(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
