/**
 * Run by jest's global set-up as a process of its own: a PostgreSQL for one test run with a migrated template database.
 * Prints its address as one line of JSON; stops when its standard input ends, so it never outlives the run.
 */
import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, startEmbeddedPostgres } from '#db';

const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-test-'));
chmodSync(dataDir, 0o755);
const server = await startEmbeddedPostgres({ dataDir, durable: false });
await migrate(server.url);
const stop = async (): Promise<void> => {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
  process.exit(0);
};
process.stdin.on('end', () => void stop()).resume();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {}); // the run ends us through stdin
process.stdout.write(JSON.stringify({ url: server.url }) + '\n');
