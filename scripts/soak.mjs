// `npm run soak -- --minutes 30 --seed 7`: the stages as separate processes under steady traffic while a seed chooses what goes
// wrong: processes killed (in the first third of the time) and frozen, PostgreSQL crashed, targets away, slow or lying. Ends
// with a table of what must stay bounded, and with an exit code other than 0 when something does not, or when anything was
// lost or doubled.
//
// --minutes  default 30
// --seed     repeats what was chosen by chance; default: a new one, printed
// --rate     events a second; default 20
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, rate: { type: 'string' } },
});
const number = (name, fallback) => {
  const value = Number(values[name] ?? fallback);
  if (Number.isFinite(value) && value > 0) return value;
  process.stderr.write(`--${name} is a number above 0, not "${values[name]}"\n`);
  process.exit(2);
};
const options = {
  minutes: number('minutes', 30),
  seed: Math.floor(number('seed', 1 + Math.floor(Math.random() * 1_000_000))),
  rate: number('rate', 20),
};
if (
  spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
    .status !== 0
)
  process.exit(1);
process.stdout.write(`soak: ${options.minutes} minutes, ${options.rate} events a second, --seed ${options.seed}\n`);
const { soak } = await import('./soak/run.mjs');
process.exit(await soak(options));
