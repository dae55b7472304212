import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrossdockError } from '#contracts';

interface Owner {
  pid: number;
  /** clock ticks since boot: tells a reused pid from the same process */
  started: string;
}

/**
 * One process at a time on a data folder. The owner is known by pid and start time, so a lock left by `kill -9` is taken
 * over and a pid that was given to somebody else is not mistaken for the owner. Throws CROSSDOCK_START_DATA_IN_USE.
 */
export function lockData(data: string): { release(): void } {
  mkdirSync(data, { recursive: true });
  const file = join(data, 'lock');
  const mine: Owner = { pid: process.pid, started: startOf(process.pid) ?? '' };
  for (let tries = 0; tries < 5; tries++) {
    try {
      writeFileSync(file, JSON.stringify(mine), { flag: 'wx' });
      return { release: () => rmSync(file, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const owner = read(file);
      if (owner !== undefined && owner.pid !== process.pid && startOf(owner.pid) === owner.started)
        throw new CrossdockError(
          'CROSSDOCK_START_DATA_IN_USE',
          `${data} is in use by process ${owner.pid}: stop that one, or set CROSSDOCK_DATA to another folder`,
        );
      rmSync(file, { force: true });
    }
  }
  throw new CrossdockError('CROSSDOCK_START_DATA_IN_USE', `${data} is being started by another process: try again`);
}

function read(file: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Partial<Owner>;
    return typeof owner.pid === 'number' && typeof owner.started === 'string' ? (owner as Owner) : undefined;
  } catch {
    return undefined; // half-written by a killed process, or released meanwhile
  }
}

/** Start time of a living process: field 22 of /proc/pid/stat where there is a /proc, else only "it lives". */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return undefined;
  }
}
