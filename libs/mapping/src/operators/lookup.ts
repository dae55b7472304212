import { over } from '../expression.ts';
import { describe } from '../shape.ts';
import { entryOf } from '../yaml.ts';
import { otherwise, setName, unmappedOf } from './map.ts';
import { optionsOf } from './operator.ts';
import type { StepOperator } from './operator.ts';

export const lookup: StepOperator = {
  name: 'lookup',
  role: 'step',
  signature: 'text or enum -> text',
  doc: 'A row of a table in `schemas/tables/<name>.yaml`, shared by mappings. `lookup: name` for a table with one text per key, `lookup: { table: name, column: account }` for rows. Needs `unmapped: reject`, `unmapped: hold` or `default`.',
  also: ['unmapped'],
  examples: [
    { say: '{ from: name, lookup: example, unmapped: reject }', given: { name: 'north' }, gives: 'R1' },
    { say: '{ from: name, lookup: example, default: R9 }', given: { name: 'west' }, gives: 'R9' },
    { say: '{ from: name, lookup: example, unmapped: reject }', given: { name: 'west' }, refuses: 'not in the map' },
  ],
  editor: {
    anyOf: [
      { type: 'string' },
      {
        type: 'object',
        required: ['table', 'column'],
        properties: { table: { type: 'string' }, column: { type: 'string' } },
        additionalProperties: false,
      },
    ],
  },
  build(input, node, field, context) {
    const options = node.kind === 'scalar' ? undefined : optionsOf(node, ['table', 'column'], 'lookup', context);
    if (node.kind !== 'scalar' && !options) return undefined;
    const tableNode = options ? entryOf(options, 'table')?.value : node;
    const columnNode = options && entryOf(options, 'column')?.value;
    const name = tableNode?.kind === 'scalar' ? tableNode.text : '';
    const table = context.tables.get(name);
    if (!table)
      return context.findings.unknown(
        tableNode?.at ?? node.at,
        `there is no table ${name}`,
        name,
        context.tables.keys(),
      );
    const column = columnNode?.kind === 'scalar' ? columnNode.text : 'value';
    const values = table.values.get(column);
    if (!values)
      return context.findings.unknown(
        (columnNode ?? node).at,
        `the table ${name} has no column ${column}`,
        column,
        table.columns ?? ['value'],
      );
    if (input.shape.kind !== 'text' && input.shape.kind !== 'enum')
      return context.findings.add(node.at, `lookup needs text, this is ${describe(input.shape)}`);
    const unmapped = unmappedOf(field, context);
    if (unmapped === 'wrong') return undefined;
    const hasDefault = entryOf(field, 'default') !== undefined;
    const covered = input.shape.kind === 'enum' && input.shape.symbols.every((symbol) => values.has(symbol));
    if (!covered && !unmapped && !hasDefault)
      return context.findings.add(
        node.at,
        `lookup: keys that the table ${name} lacks may come`,
        'add unmapped: reject, unmapped: hold, or default',
      );
    const set = setName(context);
    if (unmapped === 'hold') context.lineage.sets.add(set);
    const shape = { kind: 'enum', symbols: [...new Set(values.values())] } as const;
    return over(
      input,
      node.at,
      shape,
      (value, scope) => values.get(value as string) ?? otherwise(value as string, unmapped, set, scope),
      {
        optional: input.optional || (!covered && !unmapped),
        opens: unmapped === 'hold',
      },
    );
  },
};
