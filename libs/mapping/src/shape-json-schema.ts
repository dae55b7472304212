import type { Field, RecordShape, Shape } from './shape.ts';

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads the parsed JSON Schema of a target or source, as far as a mapping can be checked against it: type, properties,
 * required, items, enum, const, lengths, format, multipleOf, `$ref` within the file, `anyOf`/`oneOf` with null. What it does
 * not understand is `any`; delivery validates the whole schema before the first attempt.
 */
export function shapeOfJsonSchema(definition: unknown): RecordShape {
  const root = isObject(definition) ? definition : {};
  const reader = new Reader(root);
  const { shape } = reader.read(root);
  if (shape.kind === 'record') return shape;
  if (shape.kind === 'any') return { kind: 'record', fields: new Map(), open: true };
  throw new Error('the JSON Schema of a mapping must describe an object');
}

interface Read {
  shape: Shape;
  nullable: boolean;
}

class Reader {
  readonly root: Json;
  readonly #named = new Map<string, Read>();

  constructor(root: Json) {
    this.root = root;
  }

  read(schema: unknown): Read {
    if (!isObject(schema)) return { shape: { kind: 'any' }, nullable: true };
    if (typeof schema['$ref'] === 'string') return this.#reference(schema['$ref']);
    const alternatives = schema['anyOf'] ?? schema['oneOf'];
    if (Array.isArray(alternatives)) {
      const rest = alternatives.filter((one) => !(isObject(one) && one['type'] === 'null'));
      if (rest.length !== 1) return { shape: { kind: 'any' }, nullable: true };
      const one = this.read(rest[0]);
      return { shape: one.shape, nullable: one.nullable || rest.length < alternatives.length };
    }
    const types = Array.isArray(schema['type']) ? (schema['type'] as string[]) : schema['type'] ? [schema['type']] : [];
    const nullable = types.includes('null') || (Array.isArray(schema['enum']) && schema['enum'].includes(null));
    const type = types.filter((one) => one !== 'null');
    if (type.length > 1) return { shape: { kind: 'any' }, nullable };
    return { shape: this.#shape(schema, type[0]), nullable };
  }

  #reference(pointer: string): Read {
    const known = this.#named.get(pointer);
    if (known) return known;
    const found: Read = { shape: { kind: 'any' }, nullable: false };
    this.#named.set(pointer, found); // a schema that contains itself ends here
    let at: unknown = this.root;
    for (const part of pointer.replace(/^#\/?/, '').split('/'))
      at = isObject(at) ? at[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
    Object.assign(found, this.read(at));
    return found;
  }

  #shape(schema: Json, type: unknown): Shape {
    if (typeof schema['const'] === 'string') return { kind: 'enum', symbols: [schema['const']] };
    if (Array.isArray(schema['enum'])) {
      const symbols = schema['enum'].filter((one): one is string => typeof one === 'string');
      if (symbols.length > 0) return { kind: 'enum', symbols };
    }
    switch (type) {
      case 'string':
        return text(schema);
      case 'integer':
        return { kind: 'integer' };
      case 'number':
        return { kind: 'decimal', as: 'number', scale: scaleOfMultiple(schema['multipleOf']) };
      case 'boolean':
        return { kind: 'boolean' };
      case 'array': {
        const item = this.read(schema['items']);
        const minItems = typeof schema['minItems'] === 'number' ? schema['minItems'] : undefined;
        return { kind: 'list', item: item.shape, itemNullable: item.nullable, minItems };
      }
      case 'object':
        return this.#object(schema);
      default:
        return isObject(schema['properties']) ? this.#object(schema) : { kind: 'any' };
    }
  }

  #object(schema: Json): Shape {
    const properties = isObject(schema['properties']) ? schema['properties'] : undefined;
    const additional = schema['additionalProperties'];
    if (!properties && isObject(additional)) return { kind: 'map', values: this.read(additional).shape };
    const required = Array.isArray(schema['required']) ? schema['required'] : [];
    const fields = new Map<string, Field>();
    for (const [name, one] of Object.entries(properties ?? {})) {
      const { shape, nullable } = this.read(one);
      const must = required.includes(name);
      const doc = isObject(one) && typeof one['description'] === 'string' ? one['description'] : undefined;
      const entity = isObject(one) && typeof one['x-entity'] === 'string' ? one['x-entity'] : undefined;
      fields.set(name, { shape, nullable, required: must, optional: !must || nullable, doc, entity });
    }
    // a schema that names fields and says nothing of others is read as closed: a misspelt field is the commoner case
    return { kind: 'record', fields, open: additional === undefined ? !properties : additional !== false };
  }
}

function text(schema: Json): Shape {
  const format = typeof schema['format'] === 'string' ? schema['format'] : undefined;
  const pattern = typeof schema['pattern'] === 'string' ? schema['pattern'] : undefined;
  if (format === 'decimal' || (pattern !== undefined && DECIMAL_PATTERN.test(pattern)))
    return { kind: 'decimal', as: 'string', scale: scaleOfPattern(pattern) };
  const maxLength = typeof schema['maxLength'] === 'number' ? schema['maxLength'] : undefined;
  const minLength = typeof schema['minLength'] === 'number' ? schema['minLength'] : undefined;
  return { kind: 'text', maxLength, minLength, pattern, format };
}

/** A pattern that takes digits with a fraction and nothing else: an amount as text, whatever its format says. */
const DECIMAL_PATTERN =
  /^\^(?:-\?|\[[+-]{1,2}\]\?)?(?:\\d|\[0-9\]|\(0\|\[1-9\](?:\\d|\[0-9\])[*+]\)|\(\?:0\|\[1-9\](?:\\d|\[0-9\])[*+]\))(?:[*+]|\{[\d,]+\})?(?:\((?:\?:)?)?\\\.(?:\\d|\[0-9\])(?:[*+]|\{[\d,]+\})\)?\??\$$/;

/** `0.01` -> 2 */
function scaleOfMultiple(multiple: unknown): number | undefined {
  if (typeof multiple !== 'number' || multiple <= 0) return undefined;
  const [, fraction] = multiple.toFixed(12).replace(/0+$/, '').split('.');
  return fraction?.length ?? 0;
}

/** `…(\.\d{1,4})?$` -> 4; a pattern of another form says nothing. */
function scaleOfPattern(pattern: string | undefined): number | undefined {
  const digits = pattern && /\\\.(?:\\d|\[0-9\])\{(?:\d+,)?(\d+)\}/.exec(pattern);
  return digits ? Number(digits[1]) : undefined;
}
