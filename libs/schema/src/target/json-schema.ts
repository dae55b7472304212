/** A JSON Schema as parsed JSON. Numbers in it are ordinary: bounds of a schema are short. */
export type JsonSchema = boolean | JsonSchemaNode;
export interface JsonSchemaNode {
  [keyword: string]: unknown;
}

/** Keywords whose values are schemas by name, schemas in a list, one schema. */
export const BY_NAME = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'] as const;
export const IN_LIST = ['anyOf', 'oneOf', 'allOf', 'prefixItems'] as const;
export const SINGLE = [
  'items',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
] as const;

export function isSchemaNode(value: unknown): value is JsonSchemaNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same schema with every node in it, itself included, run through `change`, inner ones first. */
export function mapSchema(schema: unknown, change: (node: JsonSchemaNode) => JsonSchemaNode): unknown {
  if (!isSchemaNode(schema)) return schema;
  const copy: JsonSchemaNode = { ...schema };
  for (const keyword of BY_NAME) {
    const named = copy[keyword];
    if (isSchemaNode(named))
      copy[keyword] = Object.fromEntries(
        Object.entries(named).map(([name, inner]) => [name, mapSchema(inner, change)]),
      );
  }
  for (const keyword of IN_LIST) {
    const list = copy[keyword];
    if (Array.isArray(list)) copy[keyword] = list.map((inner) => mapSchema(inner, change));
  }
  for (const keyword of SINGLE) if (keyword in copy) copy[keyword] = mapSchema(copy[keyword], change);
  return change(copy);
}
