import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '#platform';

/** A place in the compiled product, by its exact text on one line, and what a test puts there. */
export interface Rewrite {
  /** below dist, `apps/relay/src/leader.js` */
  file: string;
  /** must stand there once */
  find: string;
  replace: string;
}

/** What one process is started with: texts replaced while its modules are loaded, and passings of a crash point counted. */
export interface RewritePlan {
  rewrites: readonly Rewrite[];
  crashes: readonly Crash[];
}

/** `kill -9` of itself when this point is passed for the nth time (default: the first), or so many ms after that. */
export interface Crash {
  point: string;
  nth?: number;
  afterMs?: number;
}

const MARK = '// crashpoint ';
const dist = (): string => join(packageRoot(), 'dist');

/** Every crash point of the compiled product and the file that it stands in. Throws when a name stands twice. */
export function crashPoints(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const room of ['apps', 'libs'])
    for (const name of readdirSync(join(dist(), room), { recursive: true, encoding: 'utf8' })) {
      if (!/\/src\/.*\.js$/.test(name) || name.startsWith('testing/')) continue;
      const file = join(dist(), room, name);
      for (const [, point] of readFileSync(file, 'utf8').matchAll(/^\s*\/\/ crashpoint (\S+)$/gm)) {
        if (found.has(point!)) throw new Error(`crash point ${point} stands in ${found.get(point!)} and in ${name}`);
        found.set(point!, relative(dist(), file));
      }
    }
  return found;
}

/**
 * The environment that makes a process start with these changes; the product itself knows nothing of it. Throws for a
 * crash point that no source has; the process does not start when a text does not stand in its file exactly once.
 */
export function changed(changes: { rewrites?: readonly Rewrite[]; crashes?: readonly Crash[] }): {
  NODE_OPTIONS: string;
} {
  const { rewrites = [], crashes = [] } = changes;
  const points = crashPoints();
  const atPoints = crashes.map(({ point }): Rewrite => {
    const file = points.get(point);
    if (file === undefined) throw new Error(`no source has the crash point ${point}`);
    return { file, find: `${MARK}${point}\n`, replace: `globalThis.crossdockPasses(${JSON.stringify(point)});\n` };
  });
  const plan: RewritePlan = { rewrites: [...rewrites, ...atPoints], crashes };
  const hook = pathToFileURL(join(dist(), 'libs/testing/src/faults/rewrite-hook.js'));
  hook.search = Buffer.from(JSON.stringify(plan)).toString('base64url');
  return { NODE_OPTIONS: `--import=${hook.href}` };
}
