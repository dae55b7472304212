import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { processFault } from './process.ts';
import { seeded } from './seeded.ts';

describe('what happens to processes', () => {
  it('stops one where it is, lets it go on, and kills it', async () => {
    const child = spawn(process.execPath, ['-e', "process.stdin.on('data', (it) => process.stdout.write(it))"]);
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const says = async (text: string): Promise<void> => {
      while (!said.includes(text)) await once(child.stdout, 'data');
    };
    child.stdin.write('one');
    await says('one');
    processFault.stop(child.pid!);
    child.stdin.write('two');
    processFault.resume(child.pid!);
    await says('two');
    await processFault.kill(child);
    expect(child.signalCode).toBe('SIGKILL');
    await processFault.kill(child); // it is gone: nothing to do
  });

  it.each([0, 1, -5, 1.5, Number.NaN])('refuses %d, which is no process of ours', (pid) => {
    expect(() => processFault.stop(pid)).toThrow(RangeError);
  });
});

describe('seeded choices', () => {
  it('are the same for the same seed, and others for another', () => {
    const draw = (seed: number): number[] => {
      const random = seeded(seed);
      return Array.from({ length: 50 }, () => random.below(1000));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(new Set(draw(7)).size).toBeGreaterThan(40);
  });

  it('stay in their bounds', () => {
    const random = seeded(1);
    for (let n = 0; n < 1000; n++) expect([0, 1, 2]).toContain(random.pick([0, 1, 2]));
  });
});
