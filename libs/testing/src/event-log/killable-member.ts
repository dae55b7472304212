import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LogAddress } from './harness.ts';

const MEMBER = fileURLToPath(new URL('./member.ts', import.meta.url));

/** Starts `member.ts`; resolves when it has a batch in hand. `kill` is SIGKILL. */
export async function memberWithBatchInHand(work: {
  address: LogAddress;
  group: string;
  topics: string[];
}): Promise<{ kill(): Promise<void> }> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', MEMBER, JSON.stringify(work)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-2000)));
  const exited = once(child, 'exit');
  const first = once(createInterface({ input: child.stdout }), 'line');
  await Promise.race([first, exited.then(() => Promise.reject(new Error(`the member ended by itself: ${said}`)))]);
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
