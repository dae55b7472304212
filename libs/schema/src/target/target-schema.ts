import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { BrokenSchema } from '../broken-schema.ts';
import { JsonNumber } from '../json/value.ts';
import type { Json } from '../json/value.ts';
import { addExactKeywords, withExactKeywords } from './exact-keywords.ts';
import type { JsonSchema } from './json-schema.ts';

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

const LENIENT = { allErrors: true, strict: false, logger: false } as const;
const judge = new Ajv2020(LENIENT); // compiling the schema of schemas takes 50 ms, so once for all

/** What is wrong with a document, and where. No value of the document is in the message. */
export interface TargetFinding {
  /** RFC 6901 JSON pointer */
  path: string;
  message: string;
}

/** The shape a target takes: JSON Schema 2020-12, decimals marked `format: decimal`. Immutable. */
export class TargetSchema {
  /** `erp/sales-order` */
  readonly name: string;
  readonly definition: JsonSchema;
  readonly #validate: ValidateFunction;
  readonly #texts: Map<string, string>;

  /** Throws `BrokenSchema` when the schema itself is. */
  constructor(name: string, definition: JsonSchema) {
    this.name = name;
    this.definition = definition;
    this.#texts = new Map();
    refuseOtherDrafts(definition);
    if (!judge.validateSchema(definition as object)) throw brokenBy(judge.errors ?? []);
    const ajv = new Ajv2020({ ...LENIENT, meta: false, validateSchema: false });
    addExactKeywords(ajv, (pointer) => this.#texts.get(pointer));
    this.#validate = ajv.compile(withExactKeywords(definition) as object);
  }

  /** Every finding; empty when the document is good. Delivery calls it before the first attempt; a few microseconds per field. */
  validate(json: Json): TargetFinding[] {
    this.#texts.clear();
    const good = this.#validate(plain(json, '', this.#texts));
    if (good) return [];
    const findings = leavesOf(this.#validate.errors ?? []).map(findingOf);
    const unique = new Map(findings.map((finding) => [`${finding.path} ${finding.message}`, finding]));
    return [...unique.values()];
  }
}

function refuseOtherDrafts(definition: JsonSchema): void {
  const draft = typeof definition === 'object' ? (definition['$schema'] ?? DRAFT) : DRAFT;
  if (draft !== DRAFT) throw new BrokenSchema(`only JSON Schema 2020-12 is read here: ${DRAFT}`, ['$schema']);
}

/** The deepest complaint is the most precise one. */
function brokenBy(errors: readonly ErrorObject[]): BrokenSchema {
  const [worst] = [...errors].sort((a, b) => b.instancePath.length - a.instancePath.length);
  const { path, message } = worst ? findingOf(worst) : { path: '', message: 'is not a JSON Schema' };
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return new BrokenSchema(`not a JSON Schema: ${steps.at(-1) ?? 'it'} ${message}`, steps);
}

/** ajv reads ordinary values; the text of each number is kept beside, by its pointer, for the exact checks. */
function plain(json: Json, pointer: string, texts: Map<string, string>): unknown {
  if (json instanceof JsonNumber) {
    texts.set(pointer, json.text);
    return Number(json.text);
  }
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map((item, index) => plain(item, `${pointer}/${index}`, texts));
  const object: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json))
    object[name] = plain(value, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, texts);
  return object;
}

/** `anyOf` reports its branches and then itself; what the branches say is more use. Counted, for a list may be wrong in each item. */
function leavesOf(errors: readonly ErrorObject[]): ErrorObject[] {
  const within = new Map<string, number>(); // how many errors stand at a place or below it
  for (const { instancePath } of errors)
    for (const place of placesAround(instancePath)) within.set(place, (within.get(place) ?? 0) + 1);
  return errors.filter(({ keyword, instancePath }) => {
    if (keyword === 'if') return false;
    return (keyword !== 'anyOf' && keyword !== 'oneOf') || within.get(instancePath) === 1;
  });
}

/** `/lines/2` -> `/lines/2`, `/lines`, `` */
function placesAround(pointer: string): string[] {
  const places = [pointer];
  for (let at = pointer.length; at > 0;) {
    at = pointer.lastIndexOf('/', at - 1);
    places.push(pointer.slice(0, at));
  }
  return places;
}

function findingOf(error: ErrorObject): TargetFinding {
  const params = error.params as Record<string, unknown>;
  const path = error.instancePath;
  switch (error.keyword) {
    case 'required':
      return { path: `${path}/${String(params['missingProperty'])}`, message: 'is required' };
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return { path, message: 'has a field that the schema does not know' };
    case 'enum':
      return { path, message: `must be one of ${(params['allowedValues'] as unknown[]).map(String).join(', ')}` };
    case 'type':
      return { path, message: `must be ${String(params['type']).replaceAll(',', ' or ')}` };
    case 'format':
      return { path, message: `must be a ${String(params['format'])}` };
    default:
      return { path, message: error.message ?? `breaks ${error.keyword}` };
  }
}
