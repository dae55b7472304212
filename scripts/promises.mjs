// `npm run promises`: does harm to the product for as long as you like and holds it to every promise. Prints a line per kind of
// harm; ends with an exit code other than 0 when anything was lost, doubled, reordered, skipped, invented, torn, stuck,
// told wrongly, or not begun.
//
//   npm run promises -- --kills 200 --seed 1 --log kafka --stages
//
// --kills    processes killed with kill -9, spread over the kinds of harm; default 20
// --minutes  begins no other kind of harm after so long, names those it did not begin, and fails; default: no limit
// --seed     repeats what was chosen by chance; default: a new one, printed
// --log      postgres (default) or kafka, which starts a broker of its own (Java 17+ and Maven)
// --stages   each stage a process of its own, two of relay, mapper and delivery
// --away     minutes without Kafka under traffic (only with --log kafka); default 10, 0 leaves it out
// --only     kinds of harm whose names have this in them
//
// Stepped clocks need libfaketime, full disks root: where they are not to be had a line says "not tested".
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const number = (text, name) => {
  const value = Number(text);
  if (text !== undefined && (!Number.isInteger(value) || value < 0)) fail(`--${name} is a whole number, not "${text}"`);
  return value;
};
const { values } = readArguments();
const log = values.log ?? 'postgres';
if (!['postgres', 'kafka'].includes(log)) fail(`--log is postgres or kafka, not "${log}"`);
const settings = {
  kills: number(values.kills ?? '20', 'kills'),
  minutes: values.minutes === undefined ? undefined : number(values.minutes, 'minutes'),
  seed: values.seed === undefined ? 1 + Math.floor(Math.random() * 1_000_000) : number(values.seed, 'seed'),
  log,
  stages: values.stages ?? false,
  away: number(values.away ?? '10', 'away'),
  only: values.only ?? '',
};

const run = (...args) => spawnSync(process.execPath, args, { stdio: 'inherit', env: environment() }).status;
if (run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json') !== 0) process.exit(1);
process.exit(
  run(
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    '--runInBand',
    '--forceExit',
    '--reporters=./scripts/promises-reporter.mjs',
    ...(settings.only === '' ? [] : ['--testPathPatterns', 'all.promises']),
    ...ignoring(log === 'kafka' ? (settings.away > 0 ? [] : ['log-away']) : ['\\.kafka\\.']),
    '--selectProjects',
    'promises',
  ),
);

function ignoring(patterns) {
  return patterns.length === 0 ? [] : ['--testPathIgnorePatterns', ...patterns];
}

function environment() {
  return { ...process.env, CROSSDOCK_TEST_PROMISES: JSON.stringify(settings) };
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        kills: { type: 'string' },
        minutes: { type: 'string' },
        seed: { type: 'string' },
        log: { type: 'string' },
        stages: { type: 'boolean' },
        away: { type: 'string' },
        only: { type: 'string' },
      },
    });
  } catch (error) {
    return fail(error.message);
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
