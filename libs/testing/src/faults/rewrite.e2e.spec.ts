import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { changed, crashPoints, type Crash, type Rewrite } from './rewrite.ts';

/** Draws three versions' worth of a pure function of the relay, in a process of its own that was started with the changes. */
function splitInChild(changes: { rewrites?: Rewrite[]; crashes?: Crash[] }): { signal: string | null; output: string } {
  const module = join(packageRoot(), 'dist/apps/relay/src/cursor.js');
  const script = `import { advance } from ${JSON.stringify(module)};
    const rows = [{ id: 3n }];
    process.stdout.write(String(advance({ high: 0n, gaps: [] }, { xmin: 0n, rows, cut: false }).cursor.gaps.length));`;
  const done = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { PATH: process.env['PATH'], ...changed(changes) },
    encoding: 'utf8',
  });
  return { signal: done.signal, output: done.stdout + done.stderr };
}
const GAP = {
  file: 'apps/relay/src/cursor.js',
  find: 'if (id > expected)',
  replace: 'if (id < expected)',
} satisfies Rewrite;

describe('a process with changes that only it has', () => {
  it('runs as it was built without any', () => {
    expect(splitInChild({})).toEqual({ signal: null, output: '1' });
  });

  it('runs a text in the place of another', () => {
    expect(splitInChild({ rewrites: [GAP] })).toEqual({ signal: null, output: '0' });
  });

  it('does not start when the text is not there, or more than once', () => {
    for (const find of ['no such text', 'expected'])
      expect(splitInChild({ rewrites: [{ ...GAP, find }] }).output).toMatch(/has \d+ times what is to be replaced/);
  });

  it('kills itself where it passes', () => {
    const passes = (times: number): Rewrite => ({
      ...GAP,
      find: 'let expected =',
      replace: `${'globalThis.crossdockPasses("relay.after-ack"); '.repeat(times)}let expected =`,
    });
    const crashes = [{ point: 'relay.after-ack', nth: 2 }];
    expect(splitInChild({ rewrites: [passes(1)], crashes })).toEqual({ signal: null, output: '1' });
    expect(splitInChild({ rewrites: [passes(2)], crashes })).toEqual({ signal: 'SIGKILL', output: '' });
  });

  it('knows the crash points by name', () => {
    expect(crashPoints().get('relay.after-ack')).toBe('apps/relay/src/leader.js');
    expect(() => changed({ crashes: [{ point: 'relay.nowhere' }] })).toThrow('no source has the crash point');
  });
});
