// `npm test`: every test that this machine can run. What it cannot run is said in one line with the reason; on CI nothing
// may be skipped. Ends with a line `N passed, N failed`. Arguments go to jest: `npm test -- --testPathPatterns relay`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** Tiers in order: what is wrong in a part is said before the whole product starts. */
const RUNS = [['unit', 'int'], ['e2e']];

const skipped = [];
const ignored = [];
const missing = [whyNot('java', ['-version']), whyNot('mvn', ['-v'])].filter(Boolean);
if (missing.length > 0) {
  skipped.push(
    `the tests on a real Kafka broker or schema registry (${missing.join(', ')}; they start their own with Java 17+ and Maven)`,
  );
  ignored.push('\\.kafka\\.(int|e2e)\\.spec\\.ts$');
}
if (whyNot('promtool', ['--version'])) skipped.push('the check of /metrics by promtool (Prometheus is not installed)');
if (skipped.length > 0 && process.env.CI) {
  process.stdout.write(`on CI nothing is skipped, and this machine cannot run: ${skipped.join('; ')}\n`);
  process.exit(1);
}

const build = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(1);

let passed = 0;
let failed = 0;
for (const tiers of RUNS) run(tiers);
for (const line of skipped) process.stdout.write(`skipped: ${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

function run(tiers) {
  const folder = mkdtempSync(join(tmpdir(), 'crossdock-results-'));
  const report = join(folder, 'jest.json');
  const began = Date.now();
  const jest = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      ...(ignored.length > 0 ? ['--testPathIgnorePatterns', ...ignored] : []),
      '--json',
      `--outputFile=${report}`,
      '--silent',
      '--forceExit',
      '--passWithNoTests',
      ...process.argv.slice(2),
      '--selectProjects',
      ...tiers,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    passed += result.numPassedTests;
    failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
    for (const suite of result.testResults)
      if (suite.status === 'failed') process.stdout.write(`\n${suite.name}\n${suite.message}\n`);
    if (jest.status !== 0 && result.success) failed++;
    const seconds = Math.round((Date.now() - began) / 1000);
    process.stdout.write(`${tiers.join(' and ')} tests: ${seconds} s\n`);
    process.stdout.write(slowest(result.testResults));
  } catch {
    failed++;
    process.stdout.write(
      `the test runner ended without a report (${jest.signal ?? jest.status}):\n${jest.stderr.slice(-4000)}\n`,
    );
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Where the time went: whoever adds a test sees what it costs. */
function slowest(suites) {
  return suites
    .map(({ name, startTime, endTime }) => [Math.round((endTime - startTime) / 1000), relative(process.cwd(), name)])
    .filter(([seconds]) => seconds >= 20)
    .sort(([a], [b]) => b - a)
    .map(([seconds, name]) => `  ${String(seconds).padStart(4)} s ${name}\n`)
    .join('');
}

function whyNot(program, args) {
  return spawnSync(program, args).status === 0 ? undefined : `${program} is not installed`;
}
