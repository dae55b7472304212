// Starts the test run's PostgreSQL once for all test files; its address goes to the workers through the environment.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export default async function setUp() {
  if (process.env.TEST_DATABASE_URL) return;
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(new URL('./serve.ts', import.meta.url)),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const line = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the test PostgreSQL ended with code ${code}`)));
    createInterface({ input: child.stdout }).once('line', resolve);
  });
  process.env.TEST_DATABASE_URL = JSON.parse(line).url;
  globalThis.crossdockTestPostgres = child;
}
