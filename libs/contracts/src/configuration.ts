import type { Position } from './error.ts';
import type { Secret } from './secret.ts';

/** `crossdock.yaml`, read and checked by libs/platform. Durations are milliseconds. */
export interface Configuration {
  tenant: string;
  publicUrl?: string;
  connections: ReadonlyMap<string, Connection>;
  flows: ReadonlyMap<string, Flow>;
  /** where a value stands in the file, by its path, e.g. `['connections', 'main-erp', 'settings', 'baseUrl']` */
  position(path: readonly (string | number)[]): Position;
}

/** One configured account. `settings` belong to its connector, which checks them; secrets in them are resolved. */
export interface Connection {
  name: string;
  connector: string;
  /** `outbox` and `webhook` are sources, everything else is a target */
  side: 'source' | 'target';
  /** IANA zone for dates without one; default UTC */
  zone: string;
  /** part of every record id of this source; default empty */
  idPrefix: string;
  settings: SettingsValue;
  /** `dailyQuota`: requests per day of `zone`; of them `reserve` are kept for probes and what people order, default 0 */
  budget: { requestsPerMinute?: number; concurrency: number; dailyQuota?: number; reserve?: number };
  timeoutMs: number;
  retry: { ladderMs: readonly number[]; jitter: number };
  breaker: { windowMs: number; minimum: number; failures: number; slowMs: number; probeMs: number };
  allowPrivate: boolean;
}

export type SettingsValue =
  null | boolean | number | string | Secret | readonly SettingsValue[] | { readonly [name: string]: SettingsValue };

export interface Flow {
  name: string;
  /** canonical entity, without `crm.`; `sync-result` for a flow that writes results back */
  entity: string;
  /** source connections; all of them where the file names none */
  from: readonly string[];
  /** results only: the flows whose results it takes */
  of?: readonly string[];
  /** target connection */
  to: string;
  mapping: string;
  /** the flow's lag objective */
  freshnessMs?: number;
  /** dotted paths in the canonical record */
  value?: { amount: string; currency: string };
}
