#!/usr/bin/env node
// Starts the command line: finds out whether this Node can run it and, in a checkout, compiles what has changed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 6)) {
  process.stderr.write(
    `Crossdock runs on Node 24, this is ${process.version}: start it through npm (npm start, npm run crossdock -- ...), which brings the right one\n`,
  );
  process.exit(2);
}

const compiler = join(root, 'node_modules/typescript/bin/tsc');
if (existsSync(compiler) && existsSync(join(root, 'tsconfig.build.json')) && isStale()) {
  const built = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}
await import(new URL('../../dist/apps/cli/src/main.js', import.meta.url).href);

function isStale() {
  const stamp = join(root, 'dist/.tsbuildinfo');
  if (!existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  return ['apps', 'libs'].some((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).some(
      (entry) =>
        entry.isFile() &&
        entry.name.endsWith('.ts') &&
        !entry.name.endsWith('.spec.ts') &&
        statSync(join(entry.parentPath, entry.name)).mtimeMs > built,
    ),
  );
}
