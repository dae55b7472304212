import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { CRASH_POINTS, QUICK, casesOf } from './crash-points.ts';

describe('the crash points in the sources', () => {
  it('are those of the table, each once: move them along when the code around them moves', () => {
    const found = ['apps', 'libs'].flatMap((room) =>
      readdirSync(join(packageRoot(), room), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\/src\/.*\.ts$/.test(name) && !name.startsWith('testing/'))
        .flatMap((name) => [
          ...readFileSync(join(packageRoot(), room, name), 'utf8').matchAll(/^\s*\/\/ crashpoint (\S+)$/gm),
        ])
        .map(([, point]) => point),
    );
    expect(found.sort()).toEqual(Object.keys(CRASH_POINTS).sort());
  });

  it('of every test run are a case of each row that docs/guarantees.md names it for', () => {
    const text = readFileSync(join(packageRoot(), 'docs/guarantees.md'), 'utf8');
    const named = [...text.matchAll(/^\| (F\d\d(?: F\d\d)*) \|.*promises\/crash-points\.e2e\.spec\.ts/gm)];
    expect(named.length).toBeGreaterThan(2);
    const cases = new Set(casesOf(QUICK));
    expect(named.flatMap(([, rows]) => rows!.split(' ')).filter((row) => !cases.has(row))).toEqual([]);
  });
});
