import { once } from 'node:events';

export default async function tearDown() {
  const child = globalThis.crossdockTestPostgres;
  if (!child) return;
  child.stdin.end();
  if (child.exitCode === null) await once(child, 'exit');
}
