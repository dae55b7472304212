import type { Context } from './context.ts';
import type { Expression } from './expression.ts';
import type { Scope } from './scope.ts';
import { TEXT } from './shape.ts';
import type { Shape } from './shape.ts';
import type { At } from './yaml.ts';

interface Variable {
  shape: Shape;
  doc: string;
  run(scope: Scope): string | bigint;
}

/** What a mapping knows besides the record. */
export const VARIABLES: Readonly<Record<string, Variable>> = {
  $key: {
    shape: TEXT,
    doc: 'the document key `{tenant}:{entity}:{record id}`, by which the target finds the record again',
    run: (scope) => scope.envelope.partitionkey,
  },
  $zone: { shape: TEXT, doc: "the source connection's time zone", run: (scope) => scope.zone },
  $tenant: { shape: TEXT, doc: 'the tenant', run: (scope) => scope.envelope.tenant },
  $version: {
    shape: { kind: 'integer' },
    doc: 'the version we gave the record, growing with each event',
    run: (scope) => scope.envelope.aggregateversion,
  },
  $event: {
    shape: TEXT,
    doc: 'the id of the event; of the first one where this is a replay, so that a replay makes the same document',
    run: (scope) => scope.envelope.replayof ?? scope.envelope.id,
  },
  $requestKey: {
    shape: TEXT,
    doc: 'the key of the request, for targets that take an idempotency key in the body; put in when the document is sent',
    run: () => '$requestKey',
  },
};

export function variableExpression(name: string, at: At, context: Context): Expression | undefined {
  if (name.startsWith('$target.'))
    return context.findings.add(at, '$target. can only be summed', `say { sum: ${name} }`);
  if (name.startsWith('$group.')) return context.findings.add(at, '$group. can only be summed', `say { sum: ${name} }`);
  const variable = Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined;
  if (!variable) return context.findings.unknown(at, `there is no variable ${name}`, name, Object.keys(VARIABLES));
  return { shape: variable.shape, at, optional: false, reads: [], run: variable.run, whole: true };
}
