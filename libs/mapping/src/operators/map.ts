import type { Context } from '../context.ts';
import { over } from '../expression.ts';
import type { Expression } from '../expression.ts';
import { literal } from '../literal.ts';
import { OPENED, Refusal } from '../scope.ts';
import type { Scope, Value } from '../scope.ts';
import { describe } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { entryOf } from '../yaml.ts';
import type { Mapping } from '../yaml.ts';
import type { StepOperator } from './operator.ts';

export const map: StepOperator = {
  name: 'map',
  role: 'step',
  signature: 'enum, text, whole number or boolean -> the value beside it',
  doc: 'A small table in the mapping. An enum needs every symbol or `default`; text needs `unmapped: reject` (the event is refused), `unmapped: hold` (a value people fill in, in the set `<mapping>.<field>`) or `default`.',
  also: ['unmapped'],
  examples: [
    { say: '{ from: kind, map: { A: first, B: second } }', given: { kind: 'B' }, gives: 'second' },
    { say: '{ from: kind, map: { A: true }, default: false }', given: { kind: 'B' }, gives: false },
    { say: '{ from: name, map: { EUR: "4" }, unmapped: reject }', given: { name: 'USD' }, refuses: 'not in the map' },
    { say: '{ from: flag, map: { true: "Y", false: "N" } }', given: { flag: true }, gives: 'Y' },
  ],
  editor: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  build(input, node, field, context) {
    if (node.kind !== 'mapping' || node.entries.length === 0)
      return context.findings.add(node.at, 'map takes values with what they become', 'map: { EUR: "4", USD: "1" }');
    const { kind } = input.shape;
    if (kind !== 'enum' && kind !== 'text' && kind !== 'boolean' && kind !== 'integer')
      return context.findings.add(
        node.at,
        `map needs a value of a list, text, a whole number or a boolean; this is ${describe(input.shape)}`,
      );
    const table = new Map<string, Expression>();
    const outputs: Expression[] = [];
    for (const entry of node.entries) {
      if (input.shape.kind === 'enum' && !input.shape.symbols.includes(entry.key)) {
        context.findings.unknown(
          entry.keyAt,
          `map: ${entry.key} is none of the symbols`,
          entry.key,
          input.shape.symbols,
        );
        continue;
      }
      const output = literal(entry.value, 'map', context);
      if (!output) continue;
      table.set(entry.key, output);
      outputs.push(output);
    }
    if (outputs.length < node.entries.length) return undefined;
    const uncovered = covers(input.shape, table);
    const unmapped = unmappedOf(field, context);
    if (unmapped === 'wrong') return undefined;
    const hasDefault = entryOf(field, 'default') !== undefined;
    if (uncovered.length > 0 && !unmapped && !hasDefault) {
      if (kind === 'enum' || kind === 'boolean')
        return context.findings.add(
          node.at,
          `map does not say what becomes of ${uncovered.join(', ')}`,
          'name every symbol, or add default',
        );
      return context.findings.add(
        node.at,
        'map: other values may come',
        'add unmapped: reject, unmapped: hold, or default',
      );
    }
    const shape = shapeOfOutputs(outputs, context);
    if (!shape) return undefined;
    const values = new Map([...table].map(([key, output]) => [key, output.run(undefined as never)]));
    const set = setName(context);
    if (unmapped === 'hold') context.lineage.sets.add(set);
    return over(
      input,
      node.at,
      shape,
      (value, scope) => {
        const key = String(value);
        return values.has(key) ? values.get(key) : otherwise(key, unmapped, set, scope);
      },
      {
        constants: outputs.flatMap((output) => output.constants ?? []),
        optional: input.optional || (uncovered.length > 0 && !unmapped),
        opens: unmapped === 'hold',
      },
    );
  },
};

/** What of the input the table does not name; text is never covered. */
function covers(shape: Shape, table: ReadonlyMap<string, unknown>): string[] {
  if (shape.kind === 'enum') return shape.symbols.filter((symbol) => !table.has(symbol));
  if (shape.kind === 'boolean') return ['true', 'false'].filter((one) => !table.has(one));
  return ['the rest'];
}

/** `unmapped: reject | hold` beside `map` and `lookup`. */
export function unmappedOf(field: Mapping, context: Context): 'reject' | 'hold' | 'wrong' | undefined {
  const node = entryOf(field, 'unmapped')?.value;
  if (!node) return undefined;
  if (node.kind === 'scalar' && (node.value === 'reject' || node.value === 'hold')) return node.value;
  context.findings.unknown(node.at, 'unmapped is reject or hold', node.kind === 'scalar' ? node.text : '', [
    'reject',
    'hold',
  ]);
  return 'wrong';
}

/** The set that people fill for a field: `order-to-erp.currency`; one for all items of a list. */
export function setName({ mapping, targetPath }: Context): string {
  return `${mapping}.${targetPath.replaceAll('[]', '')}`;
}

export function otherwise(from: string, unmapped: 'reject' | 'hold' | undefined, set: string, scope: Scope): Value {
  if (unmapped === 'reject') throw new Refusal('the value is not in the map');
  if (unmapped === undefined) return undefined; // `default` takes over
  scope.open.push({ pointer: scope.pointer + scope.at, values: { set, from } });
  return OPENED;
}

function shapeOfOutputs(outputs: readonly Expression[], context: Context): Shape | undefined {
  const first = outputs[0]!.shape;
  const symbols: string[] = [];
  for (const output of outputs) {
    if (output.shape.kind !== first.kind)
      return context.findings.add(
        output.at,
        `map: this is ${describe(output.shape)}, the first is ${describe(first)}`,
        'put text in quotes',
      );
    if (output.shape.kind === 'enum') symbols.push(...output.shape.symbols);
  }
  return first.kind === 'enum' ? { kind: 'enum', symbols: [...new Set(symbols)] } : first;
}
