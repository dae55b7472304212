// The ERP of the delivery benchmarks: a process of its own that takes a customer by POST, answers after LATENCY ms with an
// id, and watches the order of every key. The name of the customer holds the number of its version.
import { createServer } from 'node:http';

const latencyMs = Number(process.argv[2]);
/** highest version seen of each key */
let keys = new Map<string, number>();
let seen = new Set<string>();
let stats = fresh();
let ids = 0;

function fresh() {
  return { answered: 0, firstAt: 0, lastAt: 0, open: 0, mostOpen: 0, repeated: 0, outOfOrder: 0 };
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { externalId, name } = JSON.parse(Buffer.concat(chunks).toString()) as { externalId: string; name: string };
    note(externalId, Number(name));
    setTimeout(() => {
      stats.open--;
      stats.answered++;
      stats.lastAt = performance.now();
      response.writeHead(201, { 'content-type': 'application/json' }).end(`{"id":"E${++ids}"}`);
    }, latencyMs);
  });
});

function note(key: string, version: number): void {
  stats.firstAt ||= performance.now();
  stats.mostOpen = Math.max(stats.mostOpen, ++stats.open);
  const id = `${key} ${version}`;
  if (seen.has(id)) stats.repeated++;
  seen.add(id);
  const highest = keys.get(key) ?? 0;
  if (version < highest) stats.outOfOrder++;
  keys.set(key, Math.max(highest, version));
}

process.on('message', (asked) => {
  if (asked === 'reset') {
    stats = fresh();
    keys = new Map();
    seen = new Set();
  }
  process.send!({ ...stats, now: performance.now() });
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send!((server.address() as { port: number }).port));
