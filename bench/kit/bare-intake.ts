// The least that an intake of webhooks can do: checks the signature, commits one row, answers 202. Its database is argument 2,
// its secret argument 3; says its port to the parent.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import pg from 'pg';

const [, , url, secret] = process.argv;
const key = Buffer.from(secret!.replace(/^whsec_/, ''), 'base64');
const pool = new pg.Pool({ connectionString: url, max: 10 });
await pool.query('create table if not exists bare_intake (id text primary key, body bytea not null)');

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers;
    const expected = createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest();
    const given = Buffer.from(String(signature).replace(/^v1,/, ''), 'base64');
    const right = given.length === expected.length && timingSafeEqual(given, expected);
    if (!right) return void response.writeHead(401).end();
    pool
      .query({ name: 'insert', text: 'insert into bare_intake values ($1, $2)', values: [id, body] })
      .then(() => response.writeHead(202, { 'content-type': 'application/json' }).end('{"accepted":true}'))
      .catch(() => response.writeHead(503).end());
  });
});
server.listen(0, '127.0.0.1', () => process.send!((server.address() as { port: number }).port));
process.once('disconnect', () => process.exit(0));
