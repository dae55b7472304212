import CircuitBreaker from 'opossum';

export interface MeterOptions {
  /** the rolling window, ms */
  windowMs: number;
  /** fewer calls in the window never trip it */
  minimum: number;
  /** share of failures that trips it, 0 to 1 */
  failures: number;
  /** a call at least this long counts as a failure, ms */
  slowMs: number;
}

/** Measures the calls of one connection in this process; who may call is decided elsewhere, for all processes. */
export interface Meter {
  /** how a call ended; what the target refused for business reasons (4xx) is `ok` */
  record(kind: 'ok' | 'failure', durationMs: number): void;
  tripped(): boolean;
  /** forgets the window, after the connection was found well */
  reset(): void;
}

/** Longest delay a Node timer takes; opossum's own half-opening must never happen. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * opossum as a measuring device: calls run first, outside it, and it is fed how they ended. Its timeout is off and it
 * never half-opens by itself, so a document is never its test call.
 */
export function createMeter(options: MeterOptions): Meter {
  let circuit = measure(options);
  return {
    record(kind, durationMs) {
      const failed = kind === 'failure' || durationMs >= options.slowMs;
      circuit.fire(failed).catch(() => undefined); // what it reports is what we told it
    },
    tripped: () => circuit.opened,
    reset() {
      circuit.shutdown();
      circuit = measure(options);
    },
  };
}

function measure(options: MeterOptions): CircuitBreaker<[boolean], never> {
  // Both ends are thrown at once and `errorFilter` says which one is a success: opossum counts a throw synchronously and
  // a resolved promise a tick later, and `tripped()` must be true right after the call that tripped it.
  const end = (failed: boolean): Promise<never> => {
    throw failed ? FAILED : WELL;
  };
  return new CircuitBreaker(end, {
    timeout: false,
    errorFilter: (ended: unknown) => ended === WELL,
    rollingCountTimeout: options.windowMs,
    rollingCountBuckets: 10,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    volumeThreshold: options.minimum,
    // opossum trips above its threshold, we at ours
    errorThresholdPercentage: options.failures * 100 - 1e-9,
    resetTimeout: NEVER_MS,
  });
}

const WELL = new Error('ended well');
const FAILED = new Error('failed');
