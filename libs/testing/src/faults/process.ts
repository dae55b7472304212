import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/**
 * What can happen to a real process, by its own id and never by a name. A stopped process keeps its sockets, leases and
 * locks, and wakes up believing that no time has passed: the zombie that leases and fencing tokens are there for.
 */
export const processFault = {
  /** `kill -9`; resolves when it is gone */
  async kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  },

  /** SIGSTOP: nothing of it runs until `resume`. Throws when there is no such process. */
  stop(pid: number): void {
    signal(pid, 'SIGSTOP');
  },

  resume(pid: number): void {
    signal(pid, 'SIGCONT');
  },
};

/** 0 and negative ids mean process groups to the system, so they are refused. */
function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  if (!Number.isInteger(pid) || pid <= 1) throw new RangeError(`not the id of one process: ${pid}`);
  process.kill(pid, name);
}
