import { Decimal } from '#contracts';
import type { Ajv2020, AnySchemaObject } from 'ajv/dist/2020.js';
import { daysOfDate, parseWhen } from '../avro/calendar.ts';
import { mapSchema } from './json-schema.ts';
import type { JsonSchema } from './json-schema.ts';

/**
 * Numbers are judged by their text: as a double 0.07 is not a multiple of 0.01, and 9007199254740993 is another
 * number. So the arithmetic keywords of JSON Schema are renamed before ajv sees them and checked here with decimals.
 */
const RULES: Readonly<Record<string, { holds(value: Decimal, bound: Decimal): boolean; says(bound: string): string }>> =
  {
    multipleOf: {
      holds: (value, bound) => value.mod(bound).isZero(),
      says: (bound) => `must be a multiple of ${bound}`,
    },
    minimum: { holds: (value, bound) => value.gte(bound), says: (bound) => `must be >= ${bound}` },
    maximum: { holds: (value, bound) => value.lte(bound), says: (bound) => `must be <= ${bound}` },
    exclusiveMinimum: { holds: (value, bound) => value.gt(bound), says: (bound) => `must be > ${bound}` },
    exclusiveMaximum: { holds: (value, bound) => value.lt(bound), says: (bound) => `must be < ${bound}` },
  };

const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const LONGEST = 80; // significant digits that Decimal keeps
const name = (keyword: string): string => `exact${keyword[0]!.toUpperCase()}${keyword.slice(1)}`;

/** The schema with `multipleOf`, `minimum`, ... and `format: decimal` under their exact names. */
export function withExactKeywords(schema: JsonSchema): JsonSchema {
  return mapSchema(schema, (node) => {
    const copy: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(node)) {
      if (keyword === 'format' && value === 'decimal') copy['exactDecimal'] = true;
      else copy[Object.hasOwn(RULES, keyword) ? name(keyword) : keyword] = value;
    }
    return copy;
  }) as JsonSchema;
}

/** `textOf` gives the text of the number at a pointer of the document being validated. */
export function addExactKeywords(ajv: Ajv2020, textOf: (pointer: string) => string | undefined): void {
  for (const [keyword, rule] of Object.entries(RULES))
    ajv.addKeyword({
      keyword: name(keyword),
      type: 'number',
      errors: 'full',
      compile: (bound: number) => {
        const limit = new Decimal(String(bound));
        return reporting(rule.says(limit.toFixed()), (data, pointer) => {
          const value = decimalOf(textOf(pointer) ?? String(data));
          return value !== undefined && rule.holds(value, limit);
        });
      },
    });
  ajv.addKeyword({
    keyword: 'exactDecimal',
    type: ['number', 'string'],
    errors: 'full',
    compile: () =>
      reporting('must be a decimal like 1234.56', (data, pointer) => {
        if (typeof data === 'number') return decimalOf(textOf(pointer) ?? String(data)) !== undefined;
        return DECIMAL.test(String(data));
      }),
  });
  ajv.addFormat('date', (text: string) => daysOfDate(text) !== undefined);
  ajv.addFormat('date-time', (text: string) => {
    const when = parseWhen(text);
    return when !== undefined && 'localMs' in when && when.offsetMs !== undefined;
  });
  ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i);
  ajv.addFormat('email', /^[^\s@]+@[^\s@]+$/);
  ajv.addFormat('uri', (text: string) => URL.canParse(text));
}

interface Reporting {
  (data: unknown, context?: { instancePath: string }): boolean;
  errors?: { keyword: string; message: string; params: AnySchemaObject }[];
}

function reporting(message: string, holds: (data: unknown, pointer: string) => boolean): Reporting {
  const check: Reporting = (data, context) => {
    const good = holds(data, context?.instancePath ?? '');
    check.errors = good ? [] : [{ keyword: 'exact', message, params: {} }];
    return good;
  };
  return check;
}

/** Undefined for numbers that no ledger holds: `1e400`, or more digits than are kept exactly. */
function decimalOf(text: string): Decimal | undefined {
  const exponent = /[eE]([+-]?\d+)$/.exec(text);
  if (text.length > LONGEST || (exponent && Math.abs(Number(exponent[1])) > LONGEST)) return undefined;
  return new Decimal(text);
}
