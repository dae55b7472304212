import { Decimal } from '#contracts';
import type { Context } from './context.ts';
import type { Expression } from './expression.ts';
import { DECIMAL_TEXT } from './units.ts';
import { describe } from './shape.ts';
import type { Shape } from './shape.ts';
import type { Scalar, Tree } from './yaml.ts';

/** A value written in the mapping itself: text, true or false, or a number by its digits. */
export function literal(node: Tree, what: string, context: Context): Expression | undefined {
  if (node.kind !== 'scalar')
    return context.findings.add(node.at, `${what} takes one value: text, a number, true or false`);
  const { at } = node;
  const fixed = { at, optional: false, reads: [] };
  if (node.value === null) return { ...fixed, shape: { kind: 'any' }, optional: true, run: () => null };
  if (typeof node.value === 'boolean') {
    const value = node.value;
    return { ...fixed, shape: { kind: 'boolean' }, run: () => value };
  }
  if (typeof node.value === 'string') {
    const value = node.value;
    return { ...fixed, shape: { kind: 'enum', symbols: [value] }, constants: [{ value, at }], run: () => value };
  }
  if (!DECIMAL_TEXT.test(node.text))
    return context.findings.add(at, `${node.text} is not a plain number`, 'write it out, or put text in quotes');
  const [, fraction] = node.text.split('.');
  if (fraction === undefined) {
    const value = BigInt(node.text);
    return { ...fixed, shape: { kind: 'integer' }, run: () => value };
  }
  const value = new Decimal(node.text);
  return {
    ...fixed,
    shape: { kind: 'decimal', scale: fraction.length, as: 'number' },
    fixed: fraction.length,
    run: () => value,
  };
}

/** The same, for a place whose kind of value is known already: `default` of a decimal is a decimal. */
export function literalOf(shape: Shape, node: Tree, what: string, context: Context): Expression | undefined {
  if (
    node.kind === 'scalar' &&
    (shape.kind === 'decimal' || shape.kind === 'integer') &&
    DECIMAL_TEXT.test(node.text)
  ) {
    const scale = node.text.split('.')[1]?.length ?? 0;
    if (shape.kind === 'integer' && scale > 0)
      return context.findings.add(node.at, `${what}: ${node.text} is not a whole number`);
    const value = shape.kind === 'integer' ? BigInt(node.text) : new Decimal(node.text);
    return {
      shape: shape.kind === 'integer' ? shape : { ...shape, scale },
      at: node.at,
      optional: false,
      reads: [],
      run: () => value,
    };
  }
  const one = literal(node, what, context);
  if (!one) return undefined;
  const text = one.shape.kind === 'enum';
  const fits =
    shape.kind === 'any' ||
    shape.kind === one.shape.kind ||
    (text && (shape.kind === 'text' || isDate(shape, node as Scalar)));
  if (fits) return one;
  return context.findings.add(
    node.at,
    `${what}: ${describe(shape)} is wanted here, not ${describeLiteral(node as Scalar)}`,
  );
}

function isDate(shape: Shape, node: Scalar): boolean {
  return shape.kind === 'date' && /^\d{4}-\d{2}-\d{2}$/.test(node.text);
}

function describeLiteral(node: Scalar): string {
  if (typeof node.value === 'string') return `the text ${JSON.stringify(node.value)}`;
  return node.text === '' ? 'nothing' : node.text;
}

/** What two expressions have in common, for `else`, `coalesce` and `default`; undefined when nothing. */
export function join(a: Shape, b: Shape): Shape | undefined {
  if (a.kind === 'any' || b.kind === 'any') return { kind: 'any' };
  const text = (shape: Shape): number | undefined | null =>
    shape.kind === 'text'
      ? shape.maxLength
      : shape.kind === 'enum'
        ? Math.max(0, ...shape.symbols.map((one) => one.length))
        : null;
  if (a.kind === 'enum' && b.kind === 'enum')
    return { kind: 'enum', symbols: [...new Set([...a.symbols, ...b.symbols])] };
  if (text(a) !== null && text(b) !== null) {
    const lengths = [text(a), text(b)];
    const format = a.kind === 'text' && b.kind === 'text' && a.format === b.format ? a.format : undefined;
    return {
      kind: 'text',
      format,
      maxLength: lengths.includes(undefined) ? undefined : Math.max(...(lengths as number[])),
    };
  }
  if (a.kind === 'decimal' && b.kind === 'decimal')
    return {
      kind: 'decimal',
      as: 'string',
      scale: a.scale === undefined || b.scale === undefined ? undefined : Math.max(a.scale, b.scale),
    };
  if (a.kind === 'date' && b.kind === 'enum') return a;
  if (b.kind === 'date' && a.kind === 'enum') return b;
  return a.kind === b.kind ? a : undefined;
}
