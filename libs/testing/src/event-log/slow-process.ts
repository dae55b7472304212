import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LogAddress } from './harness.ts';

const MEMBER = fileURLToPath(new URL('./slow-member.ts', import.meta.url));

export interface SlowMember {
  child: ChildProcess;
  /** values of the batches that were begun, and of those that were handled to their end */
  begun: string[];
  handled: string[];
}

/** Starts `slow-member.ts`: a real process, to be stopped, continued and killed. */
export function slowMember(work: {
  address: LogAddress;
  group: string;
  topics: string[];
  takeMs: number;
  maxBatch: number;
}): SlowMember {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', MEMBER, JSON.stringify(work)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const member: SlowMember = { child, begun: [], handled: [] };
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as { begun?: string[]; handled?: string[] };
    member.begun.push(...(said.begun ?? []));
    member.handled.push(...(said.handled ?? []));
  });
  return member;
}
