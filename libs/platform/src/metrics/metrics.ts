import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricName, type MetricRow } from './table.ts';

type Labels<Name extends MetricName> = (typeof METRICS)[Name] extends {
  labels: readonly (infer Label extends string)[];
}
  ? Record<Label, string>
  : Record<never, string>;
type OfType<Type extends MetricRow['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

/** Gauges that prom-client calls `_total`, which promtool refuses; each has a twin by type that stays. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** ms. Prometheus by default waits 10 s and then takes the whole process for gone, because of a log or a database that is away. */
const PATIENCE_MS = 5_000;

/** What `/metrics` shows. One per process; every stage of all-in-one shares it. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #made = new Map<MetricName, Counter<string> | Gauge<string> | Histogram<string>>();
  readonly #collectors: (() => Promise<void>)[] = [];
  readonly #patienceMs: number;

  constructor(options: { runtime?: boolean; patienceMs?: number } = {}) {
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    if (options.runtime) {
      collectDefaultMetrics({ register: this.#registry, prefix: 'crossdock_' });
      for (const name of MISNAMED) this.#registry.removeSingleMetric(`crossdock_${name}`);
    }
    for (const [name, row] of Object.entries(METRICS) as [MetricName, MetricRow][]) {
      const common = { name: row.name, help: row.help, labelNames: row.labels ?? [], registers: [this.#registry] };
      if (row.type === 'counter') this.#made.set(name, new Counter(common));
      else if (row.type === 'gauge') this.#made.set(name, unset(new Gauge(common), row.labels !== undefined));
      else this.#made.set(name, new Histogram({ ...common, buckets: [...row.buckets!] }));
    }
  }

  count<Name extends OfType<'counter'>>(name: Name, labels: Labels<Name>, by = 1): void {
    (this.#made.get(name) as Counter<string>).inc(labels, by);
  }

  set<Name extends OfType<'gauge'>>(name: Name, labels: Labels<Name>, value: number): void {
    (this.#made.get(name) as Gauge<string>).set(labels, value);
  }

  /** Forgets a gauge's series, before it is set anew from a query. */
  reset(name: OfType<'gauge'>): void {
    (this.#made.get(name) as Gauge<string>).reset();
  }

  /** `value` in the metric's base unit. */
  observe<Name extends OfType<'histogram'>>(name: Name, labels: Labels<Name>, value: number): void {
    (this.#made.get(name) as Histogram<string>).observe(labels, value);
  }

  /** Called before each scrape, one call at a time; a collector that throws or takes too long leaves its gauges as they were. */
  onScrape(collect: () => Promise<void>): void {
    let running: Promise<void> | undefined;
    this.#collectors.push(() => (running ??= collect().finally(() => (running = undefined))));
  }

  async text(): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.#patienceMs)));
    await Promise.race([Promise.allSettled(this.#collectors.map((collect) => collect())), late]);
    clearTimeout(timer);
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}

/** prom-client begins a gauge without labels at 0, in every process: of a stage that knows nothing of it that is untrue. */
function unset(gauge: Gauge<string>, labelled: boolean): Gauge<string> {
  if (!labelled) gauge.remove();
  return gauge;
}
