import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';

describe('a mapper whose schema registry is away', () => {
  let clone: ClonedDatabase;
  let data: string;
  beforeEach(async () => {
    clone = await clonedDatabase();
    data = mkdtempSync(join(tmpdir(), 'crossdock-mapper-'));
  });
  afterEach(async () => {
    await clone.close();
    rmSync(data, { recursive: true, force: true });
  });

  it('waits, says so once, and stops in order when it is asked to', async () => {
    const child = spawn(process.execPath, [join(packageRoot(), 'apps/cli/bin.mjs'), 'run', 'mapper'], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        DATABASE_URL: clone.url,
        CROSSDOCK_DATA: data,
        CROSSDOCK_METRICS_PORT: '0',
        SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    const hear = (bytes: Buffer): void => void (said += bytes.toString());
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const ended = once(child, 'exit');
    const waiting = (): number => said.split('waiting for the schema registry').length - 1;
    try {
      await eventually(
        () => waiting() > 0,
        () => `a line that says it waits, not ${said}`,
        30_000,
      );
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(waiting()).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  }, 60_000);
});
