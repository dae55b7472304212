import { RE2JS } from 're2js';
import { Decimal } from '#contracts';
import type { Context } from './context.ts';
import type { Expression } from './expression.ts';
import { pathExpression } from './path.ts';
import type { Scope, Value } from './scope.ts';
import { describe } from './shape.ts';
import { variableExpression } from './variable.ts';
import { DECIMAL_TEXT } from './units.ts';
import type { Tree } from './yaml.ts';

/** A checked `when` or `filter`. */
export interface Condition {
  reads: readonly string[];
  test(scope: Scope): boolean;
  /** why it does not hold, in words; values only of enums and booleans, never free text */
  why(scope: Scope): string;
}

const COMPARISONS = ['above', 'below', 'atLeast', 'atMost'] as const;
const TESTS = ['not', 'matches', ...COMPARISONS];

/**
 * `{ stage: WON }`, `{ stage: [WON, LOST] }`, `{ tax: present }`, `{ tax: absent }`, `{ stage: { not: LOST } }`,
 * `{ total.amount: { above: 0 } }`, `{ sku: { matches: "^A-" } }`; several paths must all hold, `any:` takes a list of which one must.
 */
export function conditionOf(node: Tree, context: Context): Condition | undefined {
  if (node.kind !== 'mapping' || node.entries.length === 0)
    return context.findings.add(node.at, 'a condition is paths with what they must be', 'for example { stage: WON }');
  const parts: Condition[] = [];
  for (const entry of node.entries) {
    if (entry.key === 'any') {
      const any = anyOf(entry.value, context);
      if (any) parts.push(any);
      continue;
    }
    const subject =
      entry.key.startsWith('$') && !entry.key.startsWith('$record.')
        ? variableExpression(entry.key, entry.keyAt, context)
        : pathExpression(entry.key, entry.keyAt, context);
    if (!subject) continue;
    const test = testOf(entry.value, subject, context);
    if (!test) continue;
    const shown = subject.shape.kind === 'enum' || subject.shape.kind === 'boolean';
    parts.push({
      reads: subject.reads,
      test: (scope) => test.test(subject.run(scope)),
      why: (scope) => {
        const value = subject.run(scope);
        const is = !isPresent(value) ? 'is absent' : shown ? `is ${String(value)}` : 'is another';
        return `${entry.key} ${is}, wanted ${test.wanted}`;
      },
    });
  }
  const reads = parts.flatMap((part) => part.reads);
  if (parts.length === 1) return parts[0];
  return {
    reads,
    test: (scope) => parts.every((part) => part.test(scope)),
    why: (scope) => parts.find((part) => !part.test(scope))?.why(scope) ?? '',
  };
}

function anyOf(node: Tree, context: Context): Condition | undefined {
  if (node.kind !== 'list' || node.items.length === 0)
    return context.findings.add(node.at, 'any takes a list of conditions, one of which must hold');
  const parts = node.items.map((item) => conditionOf(item, context)).filter((one) => one !== undefined);
  return {
    reads: parts.flatMap((part) => part.reads),
    test: (scope) => parts.some((part) => part.test(scope)),
    why: (scope) => parts.map((part) => part.why(scope)).join(' and '),
  };
}

interface Test {
  wanted: string;
  test(value: Value): boolean;
}

/** A list is there when it has an item. */
function isPresent(value: Value): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
}

function testOf(node: Tree, subject: Expression, context: Context): Test | undefined {
  if (node.kind === 'scalar') {
    if (node.value === 'present') return { wanted: 'present', test: isPresent };
    if (node.value === 'absent') return { wanted: 'absent', test: (value) => !isPresent(value) };
    return equalTo(node, subject, context);
  }
  if ((node.kind === 'list' ? node.items : node.entries).length === 0)
    return context.findings.add(node.at, 'nothing says what it must be', `a value, present, or { ${TESTS[0]!}: ... }`);
  if (node.kind === 'list') {
    const tests = node.items.map((item) => testOf(item, subject, context)).filter((one) => one !== undefined);
    const wanted = tests.map((test) => test.wanted).join(' or ');
    return { wanted, test: (value) => tests.some((test) => test.test(value)) };
  }
  const tests: Test[] = [];
  for (const entry of node.entries) {
    if (entry.key === 'not') {
      const inner = testOf(entry.value, subject, context);
      if (inner) tests.push({ wanted: `not ${inner.wanted}`, test: (value) => !inner.test(value) });
    } else if (entry.key === 'matches') {
      const inner = matching(entry.value, subject, context);
      if (inner) tests.push(inner);
    } else if ((COMPARISONS as readonly string[]).includes(entry.key)) {
      const inner = comparison(entry.key as (typeof COMPARISONS)[number], entry.value, subject, context);
      if (inner) tests.push(inner);
    } else context.findings.unknown(entry.keyAt, `unknown test ${entry.key}`, entry.key, TESTS);
  }
  return {
    wanted: tests.map((test) => test.wanted).join(' and '),
    test: (value) => tests.every((one) => one.test(value)),
  };
}

function equalTo(node: Tree & { kind: 'scalar' }, subject: Expression, context: Context): Test | undefined {
  const { shape } = subject;
  if (shape.kind === 'enum') {
    const symbol = String(node.value);
    if (!shape.symbols.includes(symbol))
      return context.findings.unknown(node.at, `${node.text} is none of its symbols`, node.text, shape.symbols);
    return { wanted: symbol, test: (value) => value === symbol };
  }
  if (shape.kind === 'boolean') {
    if (typeof node.value !== 'boolean') return context.findings.add(node.at, `${node.text} is not true or false`);
    return { wanted: node.text, test: (value) => value === node.value };
  }
  if (shape.kind === 'decimal' || shape.kind === 'integer') {
    if (!DECIMAL_TEXT.test(node.text)) return context.findings.add(node.at, `${node.text} is not a number`);
    const wanted = new Decimal(node.text);
    return {
      wanted: node.text,
      test: (value) => value !== undefined && value !== null && wanted.equals(numberOf(value)),
    };
  }
  if (shape.kind === 'text' || shape.kind === 'date' || shape.kind === 'any')
    return {
      wanted: 'the given text',
      test: (value) => value === (typeof node.value === 'string' ? node.value : node.text),
    };
  return context.findings.add(
    node.at,
    `${describe(shape)} cannot be compared with ${node.text}`,
    'say present or absent',
  );
}

function matching(node: Tree, subject: Expression, context: Context): Test | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string')
    return context.findings.add(node.at, 'matches takes a pattern');
  if (subject.shape.kind !== 'text' && subject.shape.kind !== 'enum')
    return context.findings.add(node.at, `a pattern needs text, this is ${describe(subject.shape)}`);
  try {
    const pattern = RE2JS.compile(node.value); // linear time, whatever the text
    return { wanted: 'text that matches', test: (value) => typeof value === 'string' && pattern.matcher(value).find() };
  } catch {
    return context.findings.add(
      node.at,
      `not a pattern that runs in linear time: ${node.value}`,
      'RE2 syntax: no look-around, no back-references',
    );
  }
}

function comparison(
  name: (typeof COMPARISONS)[number],
  node: Tree,
  subject: Expression,
  context: Context,
): Test | undefined {
  if (subject.shape.kind !== 'decimal' && subject.shape.kind !== 'integer')
    return context.findings.add(node.at, `${name} needs a number, this is ${describe(subject.shape)}`);
  if (node.kind !== 'scalar' || !DECIMAL_TEXT.test(node.text))
    return context.findings.add(node.at, `${name} takes a number`);
  const limit = new Decimal(node.text);
  const holds = (value: Decimal): boolean =>
    name === 'above'
      ? value.gt(limit)
      : name === 'below'
        ? value.lt(limit)
        : name === 'atLeast'
          ? value.gte(limit)
          : value.lte(limit);
  return {
    wanted: `${name} ${node.text}`,
    test: (value) => value !== undefined && value !== null && holds(numberOf(value)),
  };
}

function numberOf(value: NonNullable<Value>): Decimal {
  return value instanceof Decimal ? value : new Decimal(String(value));
}
