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

/** What `/metrics` shows. One per process; every stage of all-in-one shares it. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #made = new Map<MetricName, Counter<string> | Gauge<string> | Histogram<string>>();
  readonly #collectors: (() => Promise<void>)[] = [];

  constructor(options: { runtime?: boolean } = {}) {
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

  /** Called before each scrape; a collector that throws leaves its gauges as they were. */
  onScrape(collect: () => Promise<void>): void {
    this.#collectors.push(collect);
  }

  async text(): Promise<string> {
    await Promise.allSettled(this.#collectors.map((collect) => collect()));
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
