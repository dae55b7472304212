import { spawn } from 'node:child_process';

/** Runs a program that only tells something about itself; a missing one is a "no" like any other. */
export function answers(program: string, args: readonly string[]): Promise<{ ok: boolean; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 });
    let said = '';
    const hear = (bytes: Buffer): void => void (said += bytes.toString());
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', () => resolve({ ok: false, said }));
    child.once('close', (code) => resolve({ ok: code === 0, said }));
  });
}
