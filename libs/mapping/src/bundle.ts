import { CrossdockError } from '#contracts';
import type { Envelope } from '#contracts';
import { isJsonObject } from '#schema';
import type { Json } from '#schema';
import { explainMapping } from './explain.ts';
import type { Explanation } from './explain.ts';
import type { BoundFlow } from './flows.ts';
import type { CompiledMapping, Mapped } from './mapping.ts';
import type { Source } from './scope.ts';
import type { MappingSchemas } from './sides.ts';

/** A record of a source in canonical JSON form, or why it cannot become one. */
export type Normalised = { ok: true; json: Json } | { ok: false; message: string };

/** All mappings together, checked: immutable, so that a change is a new bundle with another hash. */
export class Bundle {
  /** sha256 of the normalised content of all mappings and tables, hex; each document carries it */
  readonly hash: string;
  readonly mappings: ReadonlyMap<string, CompiledMapping>;
  readonly flows: ReadonlyMap<string, BoundFlow>;
  /** file of each mapping's cases */
  readonly cases: ReadonlyMap<string, string>;
  readonly schemas: MappingSchemas;

  constructor(parts: {
    hash: string;
    mappings: ReadonlyMap<string, CompiledMapping>;
    flows: ReadonlyMap<string, BoundFlow>;
    cases: ReadonlyMap<string, string>;
    schemas: MappingSchemas;
  }) {
    this.hash = parts.hash;
    this.mappings = parts.mappings;
    this.flows = parts.flows;
    this.cases = parts.cases;
    this.schemas = parts.schemas;
  }

  /**
   * What one event becomes by one flow. Pure and synchronous; called by the mapper once per event and flow. Throws
   * `CROSSDOCK_MAPPING_FAULT` only when a closure fails by a bug.
   */
  map(flow: string, record: object, envelope: Envelope, zone: string): Mapped {
    const bound = this.flows.get(flow);
    if (!bound) throw new CrossdockError('CROSSDOCK_MAPPING_FLOW', `no mapping is bound to the flow ${flow}`);
    return bound.mapping.run(record as Source, envelope, zone, bound.references);
  }

  /** The same by a mapping's name, for cases and tries; references stand under their entity unless a flow says more. */
  mapWith(name: string, record: object, envelope: Envelope, zone: string): Mapped {
    const flow = [...this.flows.values()].find((one) => one.mapping.name === name);
    return this.mapping(name).run(record as Source, envelope, zone, flow?.references ?? {});
  }

  /**
   * A source's record to canonical JSON, by a mapping `from: sources/...`, `to: canonical/...`. Called by capture's
   * normaliser, which hands the result to `fromJson` of the entity's schema: that is where types and ids are made.
   */
  normalise(name: string, json: Json, options: { zone: string; tenant?: string }): Normalised {
    const mapping = this.mapping(name);
    if (!isJsonObject(json)) return { ok: false, message: 'the record is not an object' };
    const mapped = mapping.run(json, NO_ENVELOPE(options.tenant ?? ''), options.zone, {});
    if (mapped.kind !== 'document') return { ok: false, message: mapped.reason };
    if (mapped.review !== undefined) return { ok: false, message: mapped.review };
    if (mapped.open.length > 0)
      return { ok: false, message: `${mapped.open[0]!.pointer} cannot be filled in at this stage` };
    return { ok: true, json: mapped.body };
  }

  /** Which source fields a mapping reads, where each field of the target comes from, what is read by nobody. */
  explain(name: string): Explanation {
    return explainMapping(this.mapping(name));
  }

  mapping(name: string): CompiledMapping {
    const mapping = this.mappings.get(name);
    if (!mapping) throw new CrossdockError('CROSSDOCK_MAPPING_UNKNOWN', `there is no mapping ${name}`);
    return mapping;
  }
}

/** A source's record has no event yet: `$key`, `$version` and `$event` mean nothing there. */
const NO_ENVELOPE = (tenant: string): Envelope => ({
  id: '',
  source: '',
  type: '',
  subject: '',
  time: '',
  dataschema: '',
  tenant,
  partitionkey: '',
  aggregateversion: 0n,
  correlationid: '',
  hopcount: 0,
});
