// `npm run bench -- <name>`: compiles what changed and runs one benchmark (or all). Each prints its figure beside a reference
// from the same run, because a figure without one says more about the machine than about us.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`there is no benchmark ${unknown.join(', ')}; there are ${names.join(', ')}\n`);
  process.exit(2);
}
const built = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(1);
for (const name of wanted.length > 0 ? wanted : names) {
  process.stdout.write(`\n${name}\n`);
  const { default: run } = await import(new URL(`../dist/bench/${name}.js`, import.meta.url).href);
  await run();
}
process.exit(0);
