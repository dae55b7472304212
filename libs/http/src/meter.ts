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
      if (kind === 'failure' || durationMs >= options.slowMs) fail(circuit);
      else succeed(circuit);
    },
    tripped: () => circuit.opened,
    reset() {
      circuit.shutdown();
      circuit = measure(options);
    },
  };
}

/** What a call that went well would tell its listeners, without the promises and the errors around it: almost every call does. */
function succeed(circuit: Circuit): void {
  circuit.emit('fire', []);
  circuit.emit('success', undefined, 0);
}

/** opossum counts a throw synchronously: `tripped()` must be true right after the call that tripped it. */
function fail(circuit: Circuit): void {
  circuit.fire().catch(() => undefined); // what it reports is what we told it
}

type Circuit = CircuitBreaker<[], never>;

function measure(options: MeterOptions): Circuit {
  const end = (): Promise<never> => {
    throw FAILED;
  };
  return new CircuitBreaker(end, {
    timeout: false,
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

const FAILED = new Error('failed');
