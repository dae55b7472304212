// `npm run check`: everything that can be known without a server, in about a minute. Stops at nothing: all steps run, and
// each failure is shown with its output. `--without-tests` leaves the unit tests to an `npm test` that follows.
import { spawnSync } from 'node:child_process';

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const STEPS = [
  ['format', 'node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  ['lint', 'node_modules/oxlint/bin/oxlint', '--deny-warnings', 'apps', 'libs', 'bench', 'scripts'],
  [
    'doors',
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    'apps',
    'libs',
    '--config',
    '.dependency-cruiser.mjs',
  ],
  ['types', 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
  ['build', 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  ['configuration, mappings and cases, schemas', 'apps/cli/bin.mjs', 'check'],
  ['generated files', 'apps/cli/bin.mjs', 'generate', '--check'],
  ['unit tests', ...jest, '--selectProjects', 'unit', '--silent'],
];

let failed = 0;
const withoutTests = process.argv.includes('--without-tests');
for (const [name, ...command] of STEPS) {
  if (withoutTests && name === 'unit tests') continue;
  const began = Date.now();
  const done = spawnSync(process.execPath, command, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${done.status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
  if (done.status === 0) continue;
  failed++;
  process.stdout.write(`${done.error?.message ?? ''}${done.stdout}${done.stderr}\n`);
}
process.exit(failed === 0 ? 0 : 1);
