import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packageRoot } from '#platform';

/** Where a peer's recipe stands: its pins, its settings, its little program. */
export const recipe = (peer: string, ...path: string[]): string => join(packageRoot(), 'bench', 'peers', peer, ...path);

/**
 * npm's packages as the lock file pins them; gives the folder that holds node_modules and the copied files. They stand in a
 * folder of their own: a package.json beside our code would be the package our code belongs to.
 */
export function fromNpm(peer: string, files: readonly string[]): Promise<string> {
  const all = ['package.json', 'package-lock.json', ...files];
  return once(
    peer,
    all.map((file) => join('npm', file)),
    (folder) => run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder),
  );
}

/** Jars as the pom pins them; gives what `java -cp` takes. */
export async function fromMaven(peer: string): Promise<string> {
  const folder = await once(peer, ['pom.xml'], (at) =>
    run('mvn', ['-B', '-q', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=lib'], at),
  );
  return join(folder, 'lib', '*');
}

/** A program of Go modules as go.sum pins them, compiled here; gives the binary. Takes minutes the first time. */
export async function fromGo(peer: string): Promise<string> {
  const folder = await once(peer, ['go.mod', 'go.sum', 'main.go'], (at) =>
    run('go', ['build', '-p', '2', '-ldflags', '-s -w', '-o', peer, '.'], at),
  );
  return join(folder, peer);
}

/** Installs into `.crossdock/peers/<peer>` (kept out of git and out of our own package), again only when the recipe changes. */
async function once(
  peer: string,
  files: readonly string[],
  install: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(packageRoot(), '.crossdock', 'peers', peer);
  const mark = join(folder, 'complete');
  const wanted = files.map((file) => readFileSync(recipe(peer, file), 'utf8')).join('\n');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return folder;
  process.stdout.write(`  installing ${peer} into .crossdock/peers ...\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of files) cpSync(recipe(peer, file), join(folder, basename(file)));
  await install(folder);
  writeFileSync(mark, wanted);
  return folder;
}

/** Runs a program to its end; throws with the end of what it said. */
function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const hear = (bytes: Buffer): void => void (said = (said + bytes.toString()).slice(-3000));
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', (cause) => reject(new Error(`${program} is needed for this peer`, { cause })));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with code ${code}\n${said}`)),
    );
  });
}
