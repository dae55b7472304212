import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findBadText } from './bad-text.ts';
import { locate } from './locate.ts';
import { parseExactJson } from './parse.ts';
import { isJsonObject, JsonError, JsonNumber } from './value.ts';
import type { Json, JsonObject } from './value.ts';
import { writeExactJson } from './write.ts';

/** What JSON.parse would have given. */
function ordinary(json: Json): unknown {
  if (json instanceof JsonNumber) return Number(json.text);
  if (Array.isArray(json)) return json.map(ordinary);
  if (!isJsonObject(json)) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, ordinary(value)]));
}

function problemOf(input: string | Uint8Array): JsonError {
  try {
    parseExactJson(input);
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const numberText = fc
  .tuple(
    fc.boolean(),
    fc.bigInt({ min: 0n, max: 10n ** 40n }),
    fc.option(fc.stringMatching(/^\d{1,30}$/)),
    fc.option(fc.integer({ min: -400, max: 400 })),
  )
  .map(([minus, whole, fraction, exponent]) =>
    [minus ? '-' : '', whole, fraction === null ? '' : `.${fraction}`, exponent === null ? '' : `e${exponent}`].join(
      '',
    ),
  );

const exactJson = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.string({ unit: 'binary' }),
    numberText.map((text) => new JsonNumber(text)),
    fc.array(tie('json'), { maxLength: 5 }),
    fc
      .dictionary(
        fc.string({ unit: 'binary' }).filter((key) => key !== '__proto__'),
        tie('json'),
        { maxKeys: 5, noNullPrototype: false },
      )
      .map((made) => Object.assign(Object.create(null), made) as Json),
  ),
})).json;

describe('the exact JSON parser', () => {
  it('gives back every digit that was sent', () => {
    const text = '{"a":1.10,"b":9007199254740993,"c":1e400,"d":-0,"e":[0.1,1E+2]}';
    expect(writeExactJson(parseExactJson(text))).toBe(text);
  });

  it('agrees with JSON.parse on whatever that can read', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), fc.constantFrom('', ' ', '\n\t'), (text, space) => {
        fc.pre(!text.includes('__proto__'));
        expect(ordinary(parseExactJson(space + text + space))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('agrees with JSON.parse on what is broken', () => {
    const mutated = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', '"', '{', '}', ',', ':', '0', '-', '\\', 'e', ' ', '\n', '.'),
    );
    fc.assert(
      fc.property(mutated, ([text, place, put]) => {
        const at = place % (text.length + 1);
        const broken = text.slice(0, at) + put + text.slice(at + 1);
        let expected: unknown;
        try {
          expected = JSON.parse(broken);
        } catch {
          expect(() => parseExactJson(broken)).toThrow(JsonError);
          return;
        }
        try {
          expect(ordinary(parseExactJson(broken))).toEqual(expected);
        } catch (error) {
          if (!(error instanceof JsonError)) throw error;
          expect(['DUPLICATE_KEY', 'PROTO_KEY']).toContain(error.problem);
        }
      }),
      { numRuns: 700 },
    );
  });

  it('reads what the writer writes, and the writer writes what was read', () => {
    fc.assert(
      fc.property(exactJson, (json) => {
        const text = writeExactJson(json);
        expect(parseExactJson(text)).toEqual(json);
        expect(writeExactJson(parseExactJson(Buffer.from(text)))).toBe(text);
      }),
    );
  });

  it.each([
    ['{"a":1,"a":1}', 'DUPLICATE_KEY', 1, 8],
    ['{"a":1,"\\u0061":2}', 'DUPLICATE_KEY', 1, 8],
    ['{"__proto__":1}', 'PROTO_KEY', 1, 2],
    ['{"\\u005f_proto__":1}', 'PROTO_KEY', 1, 2],
    ['{} x', 'TRAILING', 1, 4],
    ['{"a":\n  01}', 'SYNTAX', 2, 4],
    ['', 'SYNTAX', 1, 1],
    ['[1,]', 'SYNTAX', 1, 4],
    ['{"a":1,}', 'SYNTAX', 1, 8],
    ['NaN', 'SYNTAX', 1, 1],
    ['+1', 'SYNTAX', 1, 1],
    ['.5', 'SYNTAX', 1, 1],
    ['1.', 'SYNTAX', 1, 3],
    ['"a\nb"', 'SYNTAX', 1, 3],
    ['"\\x41"', 'SYNTAX', 1, 2],
    ['"\\u12g4"', 'SYNTAX', 1, 2],
    ["{'a':1}", 'SYNTAX', 1, 2],
    ['\ufeff{}', 'SYNTAX', 1, 1],
    ['"open', 'SYNTAX', 1, 6],
  ])('refuses %j as %s at %i:%i', (text, problem, line, column) => {
    const error = problemOf(text);
    expect({ problem: error.problem, line: error.line, column: error.column }).toEqual({ problem, line, column });
    expect(error.code).toBe(`CROSSDOCK_JSON_${problem}`);
  });

  it.each([
    [[0x22, 0xff, 0x22], 1],
    [[0x22, 0x61, 0xc3, 0x22], 2],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    [[0x22, 0xc0, 0xaf, 0x22], 1],
    [[0x22, 0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82], 5],
  ])('says where the bytes %j stop being UTF-8', (bytes, offset) => {
    const error = problemOf(Uint8Array.from(bytes));
    expect(error.problem).toBe('UTF8');
    expect(error.offset).toBe(offset);
  });

  it('takes 64 levels and refuses one more, however deep it goes on', () => {
    expect(parseExactJson('['.repeat(64) + ']'.repeat(64))).toEqual(expect.any(Array));
    expect(problemOf('['.repeat(65) + ']'.repeat(65)).problem).toBe('DEPTH');
    expect(problemOf('{"a":'.repeat(500_000)).problem).toBe('DEPTH');
  });

  it('gives objects that inherit nothing', () => {
    const json = parseExactJson('{"constructor":{"prototype":{"polluted":true}},"toString":1}');
    expect('valueOf' in (parseExactJson('{}') as JsonObject)).toBe(false);
    expect(Object.isFrozen(Object.getPrototypeOf(json))).toBe(true);
    expect('polluted' in {}).toBe(false);
    expect(writeExactJson(json)).toBe('{"constructor":{"prototype":{"polluted":true}},"toString":1}');
  });

  it('takes time in proportion to the text', () => {
    const samples = [
      (n: number) => `[${'1,'.repeat(n)}1]`,
      (n: number) => `"${'\\n'.repeat(n)}"`,
      (n: number) => `{${Array.from({ length: n }, (_, i) => `"k${i}":0`).join(',')}}`,
      (n: number) => `[${'"a\\\\",'.repeat(n)}0]`,
    ];
    for (const sample of samples) {
      const timeOf = (n: number): number => {
        const text = sample(n);
        const before = process.cpuUsage(); // of the processor: what else the machine does is not ours
        parseExactJson(text);
        const { user, system } = process.cpuUsage(before);
        return (user + system) / 1_000;
      };
      timeOf(2_000);
      const small = Math.min(timeOf(10_000), timeOf(10_000), timeOf(10_000));
      const large = Math.min(timeOf(80_000), timeOf(80_000));
      expect(large / Math.max(small, 1)).toBeLessThan(80); // 8 times the text; quadratic would be 64 times the small one's real work
    }
  });

  it('finds NUL and lone surrogates, wherever they stand', () => {
    expect(findBadText(parseExactJson('{"a":"x","b":[{"c":"\\u0000"}]}'))).toBe('b[0].c');
    expect(findBadText(parseExactJson('{"a b":"\\ud83d"}'))).toBe('["a b"]');
    expect(findBadText(parseExactJson('{"a":{"\\udc00":1}}'))).toBe('a');
    expect(findBadText(parseExactJson('{"a":"\\ud83d\\ude00"}'))).toBeUndefined();
  });

  it('does not let an exact number slip through JSON.stringify', () => {
    expect(() => JSON.stringify(parseExactJson('[1]'))).toThrow('writeExactJson');
  });
});

describe('locating a place in JSON text', () => {
  it('gives line and column of the value at a path', () => {
    const text = '{\n  "a": [1, {"b": "x,]}\\"", "c": 2}],\n  "d": null\n}';
    expect(locate(text, ['a', 1, 'c'])).toEqual({ line: 2, column: 33 });
    expect(locate(text, ['d'])).toEqual({ line: 3, column: 8 });
    expect(locate(text, ['a', 7])).toEqual({ line: 2, column: 8 });
  });
});
