import type { Field, RecordShape, Shape } from './shape.ts';

const field = (shape: Shape, optional = true): Field => ({ shape, optional, nullable: optional, required: !optional });
const record = (fields: Record<string, Field>): RecordShape => ({
  kind: 'record',
  open: false,
  fields: new Map(Object.entries(fields)),
});
const TEXT: Shape = { kind: 'text' };
const DECIMAL: Shape = { kind: 'decimal', scale: 9, as: 'string' };

/** The source that the examples of operators read; all but `id` and the lists is optional. */
export const EXAMPLE_SOURCE: RecordShape = record({
  id: field({ kind: 'text', format: 'id' }, false),
  name: field(TEXT),
  note: field(TEXT),
  kind: field({ kind: 'enum', symbols: ['A', 'B'] }),
  amount: field(DECIMAL),
  quantity: field(DECIMAL),
  count: field({ kind: 'integer' }),
  flag: field({ kind: 'boolean' }),
  moment: field({ kind: 'instant' }),
  day: field({ kind: 'date' }),
  customerId: { ...field(TEXT), entity: 'customer' },
  address: field(record({ city: field(TEXT) })),
  taxIds: field({ kind: 'list', item: record({ scheme: field(TEXT, false), value: field(TEXT, false) }) }, false),
  lines: field({ kind: 'list', item: record({ sku: field(TEXT, false), amount: field(DECIMAL) }) }, false),
  custom: field({ kind: 'map', values: TEXT }, false),
});

/** The target of the examples: one field that takes anything. */
export const EXAMPLE_TARGET: RecordShape = record({
  field: { shape: { kind: 'any' }, optional: true, nullable: true, required: false },
});
