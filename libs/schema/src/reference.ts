import { describe } from './avro/explain.ts';
import type { FieldShape, RecordShape, Shape } from './avro/shape.ts';
import type { SchemaSet } from './schema-set.ts';

/** `docs/reference/records.md`: every record and field of the Avro schemas, made by `crossdock generate`. */
export function recordsReference(schemas: SchemaSet): string {
  const files = schemas.names().flatMap((name) => schemas.avro(name) ?? []);
  const done = new Set(files.map(({ shape }) => shape.name)); // a record with a file has its section there
  const sections = files.flatMap(({ name, shape }) => sectionsOf(name, shape, done));
  return [
    '# Records',
    '',
    'Generated from `schemas/` by `npm run generate`. `?` marks what may be absent. The JSON form writes decimals as text, instants in',
    'ISO 8601 with a zone, dates as `YYYY-MM-DD`. The class says who may see a field: public, internal, personal, sensitive.',
    '',
    ...sections,
  ].join('\n');
}

/** A record and those it alone defines (an exchange rate, a tax id). */
function sectionsOf(title: string, shape: RecordShape, done: Set<string>): string[] {
  const inner = shape.fields.flatMap((field) => recordIn(field.shape) ?? []).filter(({ name }) => !done.has(name));
  for (const { name } of inner) done.add(name);
  return [
    `## ${title}`,
    '',
    shape.doc,
    '',
    '| field | type | class | meaning |',
    '|---|---|---|---|',
    ...shape.fields.map(row),
    '',
    ...inner.flatMap((record) => sectionsOf(shortName(record), record, done)),
  ];
}

function row(field: FieldShape): string {
  const optional = field.optional || field.hasDefault ? '?' : '';
  return `| \`${field.name}\`${optional} | ${kindOf(field)} | ${field.class} | ${field.doc.replaceAll('|', '\\|')} |`;
}

function kindOf(field: FieldShape): string {
  if (field.entity) return `id of a ${field.entity}`;
  if (field.format) return { id: 'id', iso4217: 'currency', iso3166: 'country' }[field.format];
  return typeOf(field.shape);
}

function typeOf(shape: Shape): string {
  switch (shape.kind) {
    case 'record':
      return shortName(shape);
    case 'list':
      return `list of ${typeOf(shape.items)}`;
    case 'map':
      return `map of ${typeOf(shape.values)}`;
    case 'enum':
      return shape.symbols.join(', ');
    case 'decimal':
      return 'decimal';
    default:
      return describe(shape).replace(/^an? /, '').replace(' without lone surrogates', '');
  }
}

function recordIn(shape: Shape): RecordShape | undefined {
  if (shape.kind === 'record') return shape;
  if (shape.kind === 'list') return recordIn(shape.items);
  return shape.kind === 'map' ? recordIn(shape.values) : undefined;
}

function shortName(record: RecordShape): string {
  return record.name.slice(record.name.lastIndexOf('.') + 1);
}
