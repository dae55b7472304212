import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, expect, it } from '@jest/globals';
import { kafkaJars } from './jars.ts';

const cache = mkdtempSync(join(tmpdir(), 'crossdock-jars-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

it('gives every jar to each of two that find the cache empty, also when the second begins while the first copies', async () => {
  const first = kafkaJars(cache);
  while (!readdirSync(cache, { recursive: true }).some((file) => String(file).endsWith('.jar'))) await wait(1);
  const second = kafkaJars(cache);
  const soonest = jarsIn((await Promise.race([first, second])).classPath);
  const [{ classPath }, other] = await Promise.all([first, second]);
  expect(other.classPath).toBe(classPath);
  expect(soonest).toEqual(jarsIn(classPath));
  expect(soonest.some(([name]) => name.startsWith('kafka_2.13-'))).toBe(true);
  expect(readdirSync(cache)).toHaveLength(1); // what the slower one fetched is gone
}, 120_000);

const jarsIn = (classPath: string): [string, number][] =>
  readdirSync(dirname(classPath))
    .sort()
    .map((name) => [name, statSync(join(dirname(classPath), name)).size]);
