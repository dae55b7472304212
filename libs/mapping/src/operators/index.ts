import { call } from './call.ts';
import { coalesce } from './coalesce.ts';
import { concat } from './concat.ts';
import { constant } from './const.ts';
import { date } from './date.ts';
import { datetime } from './datetime.ts';
import { decimal } from './decimal.ts';
import { lookup } from './lookup.ts';
import { map } from './map.ts';
import { equals, missing, on, otherwiseDefault, when } from './modifiers.ts';
import { multiply } from './multiply.ts';
import type { Operator, SourceOperator, StepOperator } from './operator.ts';
import { path } from './path.ts';
import { reference } from './reference.ts';
import { split } from './split.ts';
import { each, fields, list } from './structure.ts';
import { sum } from './sum.ts';
import { template } from './template.ts';
import { then } from './then.ts';
import { values } from './values.ts';

/** Every word of the language below a field, in the order of the reference. */
export const OPERATORS: readonly Operator[] = [
  path,
  constant,
  coalesce,
  concat,
  template,
  multiply,
  sum,
  split,
  then,
  map,
  lookup,
  decimal,
  date,
  datetime,
  call,
  values,
  reference,
  fields,
  each,
  list,
  when,
  otherwiseDefault,
  missing,
  on,
  equals,
];

export const SOURCES: ReadonlyMap<string, SourceOperator> = new Map(
  OPERATORS.filter((one) => one.role === 'source').map((one) => [one.name, one]),
);
export const STEPS: ReadonlyMap<string, StepOperator> = new Map(
  OPERATORS.filter((one) => one.role === 'step').map((one) => [one.name, one]),
);
export const WORDS: ReadonlySet<string> = new Set(OPERATORS.flatMap((one) => [one.name, ...(one.also ?? [])]));
