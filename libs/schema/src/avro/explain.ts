import { memberPath } from '../json/bad-text.ts';
import { compileWrite } from './encode.ts';
import type { RecordShape, Shape } from './shape.ts';
import { Misfit, Sink } from './sink.ts';

/** Where a value does not fit its shape and what belongs there; undefined when it fits. Slow, for error messages only. */
export function explain(shape: Shape, value: unknown, path = ''): { path: string; expected: string } | undefined {
  if (shape.kind === 'record' && typeof value === 'object' && value !== null) return inRecord(shape, value, path);
  if (shape.kind === 'list' && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = explain(shape.items, item, `${path}[${index}]`);
      if (found) return found;
    }
    return undefined;
  }
  if (shape.kind === 'map' && typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const found = explain(shape.values, item, memberPath(path, name));
      if (found) return found;
    }
    return undefined;
  }
  return fits(shape, value) ? undefined : { path, expected: describe(shape) };
}

function inRecord(shape: RecordShape, value: object, path: string): { path: string; expected: string } | undefined {
  for (const field of shape.fields) {
    const item = (value as Record<string, unknown>)[field.name];
    if (item === undefined && field.hasDefault) continue;
    if (item === null && field.optional) continue;
    const found = explain(field.shape, item, memberPath(path, field.name));
    if (found) return found;
  }
  return undefined;
}

function fits(shape: Shape, value: unknown): boolean {
  try {
    compileWrite(shape)(new Sink(), value);
    return true;
  } catch (error) {
    if (error instanceof Misfit) return false;
    throw error;
  }
}

/** What people call the type: `a decimal with at most 9 fraction digits`. */
export function describe(shape: Shape): string {
  switch (shape.kind) {
    case 'record':
      return 'an object';
    case 'list':
      return 'a list';
    case 'map':
      return 'an object of texts';
    case 'enum':
      return `one of ${shape.symbols.join(', ')}`;
    case 'decimal':
      return `a decimal with at most ${shape.precision} digits, ${shape.scale} of them after the point`;
    case 'instant':
      return 'an instant';
    case 'date':
      return 'a date YYYY-MM-DD';
    case 'long':
      return 'a 64-bit integer';
    case 'int':
      return 'a 32-bit integer';
    case 'string':
      return 'a text without lone surrogates';
    case 'boolean':
      return 'true or false';
    case 'double':
      return 'a number';
    case 'bytes':
      return 'bytes';
  }
}
