// `npm run bench -- <name> ...`: compiles what changed and runs the benchmarks named, or all that need nothing installed.
// Each prints its figure beside a reference from the same run, because a figure without one says more about the machine
// than about us. `peers:<name>` runs somebody else's software beside ours; `peers` runs them all. `--record` keeps what was
// found in docs/performance/<name>.json, which the plots and the page are made of.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = new URL('.', import.meta.url);
const own = readdirSync(here)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
const peers = readdirSync(new URL('peers', here))
  .filter((folder) => existsSync(new URL(`peers/${folder}/index.ts`, here)))
  .map((folder) => `peers:${folder}`);
const record = process.argv.includes('--record');
const wanted = process.argv
  .slice(2)
  .filter((word) => word !== '--record')
  .flatMap((word) => (word === 'peers' ? peers : word));
/** `outage=15` runs `outage` with an argument */
const nameOf = (word) => word.split('=')[0];
const unknown = wanted.filter((word) => !own.includes(nameOf(word)) && !peers.includes(nameOf(word)));
if (unknown.length > 0) {
  const names = [...own, 'peers', ...peers];
  process.stderr.write(`there is no benchmark ${unknown.join(', ')}; there are ${names.join(', ')}\n`);
  process.exit(2);
}
const built = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(1);
for (const word of wanted.length > 0 ? wanted : own) {
  process.stdout.write(`\n${word}\n`);
  const [name, argument] = word.split('=');
  const file = name.startsWith('peers:') ? `peers/${name.slice('peers:'.length)}/index` : name;
  const { default: run } = await import(new URL(`../dist/bench/${file}.js`, import.meta.url).href);
  const busyBefore = loadavg()[0];
  const found = await run(argument);
  if (record && found) keep(name, found, busyBefore);
}
process.exit(0);

function keep(name, found, busyBefore) {
  const folder = new URL('../docs/performance/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    loadBefore: Number(busyBefore.toFixed(2)),
  };
  const at = new Date().toISOString().slice(0, 10);
  const text = JSON.stringify({ name, at, machine, ...found }, rounded, 2);
  writeFileSync(new URL(`${name.replace(/[:=]/, '-')}.json`, folder), text + '\n');
}

/** Four figures are more than a run can vouch for. */
function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
