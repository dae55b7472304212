// `npm test`: every test that this machine can run. What it cannot run is said in one line with the reason; on CI nothing
// may be skipped. Ends with a line `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const skipped = [];
const ignored = [];
const missing = [whyNot('java', ['-version']), whyNot('mvn', ['-v'])].filter(Boolean);
if (missing.length > 0 && process.env.KAFKA_BROKERS) {
  skipped.push(`the tests that start and kill Kafka brokers of their own (${missing.join(', ')})`);
  ignored.push('(failover|start-kafka-broker)\\.kafka\\.int\\.spec\\.ts$');
} else if (missing.length > 0) {
  skipped.push(
    `the tests on a real Kafka broker (${missing.join(', ')}; install Java 17+ and Maven, or set KAFKA_BROKERS)`,
  );
  ignored.push('\\.kafka\\.(int|e2e)\\.spec\\.ts$');
}
if (skipped.length > 0 && process.env.CI) {
  process.stdout.write(`on CI nothing is skipped, and this machine cannot run: ${skipped.join('; ')}\n`);
  process.exit(1);
}

const build = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(1);

const folder = mkdtempSync(join(tmpdir(), 'crossdock-results-'));
const report = join(folder, 'jest.json');
const run = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    ...(ignored.length > 0 ? ['--testPathIgnorePatterns', ...ignored] : []),
    '--json',
    `--outputFile=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
let passed = 0;
let failed = 1;
try {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  passed = result.numPassedTests;
  failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  for (const suite of result.testResults)
    if (suite.status === 'failed') process.stdout.write(`\n${suite.name}\n${suite.message}\n`);
} catch {
  process.stdout.write('the test runner ended without a report\n');
}
rmSync(folder, { recursive: true, force: true });
for (const line of skipped) process.stdout.write(`skipped: ${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(run.status === 0 && failed === 0 ? 0 : 1);

function whyNot(program, args) {
  return spawnSync(program, args).status === 0 ? undefined : `${program} is not installed`;
}
