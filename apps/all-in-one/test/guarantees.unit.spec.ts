import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#platform';

const PROMISES = 'apps/all-in-one/test/promises';

describe('docs/guarantees.md', () => {
  const text = readFileSync(join(packageRoot(), 'docs/guarantees.md'), 'utf8');
  const named = [...new Set([...text.matchAll(/`([^`]+\.spec\.ts)`/g)].map(([, path]) => path!))];

  it('names only tests that are there', () => {
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(packageRoot(), path)))).toEqual([]);
  });

  it('names every test of a promise, and every promise', () => {
    const there = readdirSync(join(packageRoot(), PROMISES)).filter((name) => /^p\d-.*\.spec\.ts$/.test(name));
    expect(there.map((name) => `${PROMISES}/${name}`).filter((path) => !named.includes(path))).toEqual([]);
    const promises = [...text.matchAll(/^\| \*\*(P\d)\*\*/gm)].map(([, name]) => name);
    expect(promises).toEqual(['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8']);
  });

  it('says of every row of the fault matrix once what tests it', () => {
    const rows = [...text.matchAll(/^\| (F\d\d(?: F\d\d)*) \|/gm)].flatMap(([, names]) => names!.split(' '));
    expect(rows.toSorted()).toEqual(Array.from({ length: 69 }, (_, n) => `F${String(n + 1).padStart(2, '0')}`));
  });
});
