// The target of the delivery benchmarks, a process of its own so that its work is not counted as ours: it answers after
// LATENCY ms with an id, never answers a key it was told to hang on, and can be down.
import { createServer } from 'node:http';

const latencyMs = Number(process.argv[2]);
let ids = 0;
let answered = 0;
let hangs: string | undefined;

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume().on('end', () => {
    if (hangs !== undefined && request.url!.includes(hangs)) return;
    setTimeout(() => {
      answered++;
      response.writeHead(201, { 'content-type': 'application/json' }).end(`{"id":"E${++ids}"}`);
    }, latencyMs);
  });
});

let port = 0;
process.on('message', (order: { do: 'hang'; key?: string } | { do: 'down' | 'up' | 'answered' }) => {
  if (order.do === 'hang') hangs = order.key;
  if (order.do === 'down') {
    server.close();
    server.closeAllConnections();
  }
  if (order.do === 'up') return void server.listen(port, '127.0.0.1', () => process.send!(answered));
  process.send!(answered);
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  port = (server.address() as { port: number }).port;
  process.send!(port);
});
