import { expect, it } from '@jest/globals';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Database } from '#db';
import { sendSigned } from '../support/crm.ts';
import { sendJson, until } from '../support/product.ts';
import { settled, status } from '../support/records.ts';
import { effects } from '../support/witness.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { dataOf, webhookIdOf, type Version } from './records.ts';
import type { World } from './world.ts';

const EVENTS = 1_500;
const AT_ONCE = 1_000;
const SLOW_CLIENTS = 100;
/** What capture has in hand at most; the slow ones are among them. */
const IN_HAND = 256;
/** Of each target, as the example has it. */
const CONCURRENCY = 8;
/** What one process may take more under a burst: two batches of each stage are some tens of MiB. */
const MORE_MEMORY = 300 * 1024 * 1024;
/** Pools of ten for each of the five stages, and sessions of their own for leaders and listeners. */
const MOST_CONNECTIONS = 70;

/** P8. Rows F09, F16 and F17 of the fault matrix; a backlog of millions is measured, not tested: docs/performance.md. */
describePromise('P8: memory, queues and connections stay bounded whatever arrives', {}, (world) => {
  it(
    'while a burst comes in, the targets answer nothing, and a hundred clients send a byte now and then',
    async () => {
      const { sandbox, url, parts, postgres, toProduct } = world();
      const [part] = parts;
      await sendJson('PUT', `${sandbox}/faults`, [{ match: {}, effect: 'hang' }]);
      const database = await Database.open({ url: postgres.url, name: 'test', max: 2 });
      let slowShed = 0;
      const slow = Array.from({ length: SLOW_CLIENTS }, () => slowClient(toProduct.port));
      for (const socket of slow) socket.once('data', () => slowShed++);
      const { resident: before } = await measured(part!.metricsPort);
      let [memory, connections, inFlight] = [0, 0, 0];
      const look = async (): Promise<void> => {
        memory = Math.max(memory, (await measured(part!.metricsPort)).resident - before);
        const [row] = await database.query<{ count: bigint }>(
          "select count(*) from pg_stat_activity where application_name like 'crossdock%'",
        );
        connections = Math.max(connections, Number(row!.count));
        const { flows } = await status(url);
        inFlight = Math.max(inFlight, ...flows.map(({ unfinished }) => unfinished['inFlight']!));
      };
      const shed = async (): Promise<number> => (await measured(part!.metricsPort)).shed;
      let sending = true;
      const looking = (async () => {
        while (sending) await look();
      })();
      // what is in hand stays there until all else was sent away, however fast the machine
      const stalled = database.transaction(async (tx) => {
        await tx.query('lock table captured in exclusive mode');
        const over = { within: 60_000, what: 'all that is over the limit is sent away' };
        await until(shed, (count) => count >= AT_ONCE + SLOW_CLIENTS - IN_HAND, over);
      });
      let answers: Answer[];
      try {
        [answers] = await Promise.all([sendUntilTaken(world()), stalled]);
        await until(
          () => status(url),
          ({ capture, outbox }) => capture.pending + outbox.unpublished === 0,
          { within: 60_000, what: 'all of it waits for the targets' },
        );
        await look();
      } finally {
        sending = false;
        await looking;
        for (const socket of slow) socket.destroy();
        await database.close();
      }
      const refused = answers.filter(({ status: code }) => code >= 300);
      expect(refused.filter(({ status: code }) => code !== 429 && code !== 503)).toEqual([]);
      expect(refused.filter(({ retryAfter }) => !(Number(retryAfter) > 0))).toEqual([]);
      const unread = refused.filter(({ code }) => code !== 'CROSSDOCK_CAPTURE_UNAVAILABLE');
      expect(await shed()).toBe(unread.length + slowShed);
      expect(memory).toBeLessThan(MORE_MEMORY);
      expect(connections).toBeLessThan(MOST_CONNECTIONS);
      expect(inFlight).toBeLessThanOrEqual(2 * CONCURRENCY); // some are written down before a slot is free, not without bound

      await sendJson('DELETE', `${sandbox}/faults`);
      await until(
        () => status(url),
        (answer) => settled(answer) && answer.flows[0]!.accepted === EVENTS,
        { within: 120_000, what: 'all that was accepted arrives' },
      );
      const there = new Set((await effects(sandbox)).map(({ key }) => key));
      expect(there.size).toBe(EVENTS);
    },
    PATIENCE_MS,
  );

  it(
    'while PostgreSQL has no connection left events are answered 503, and it is alive, and not ready; afterwards all that was accepted arrives',
    async () => {
      const { hooks, parts, postgres, sandbox, secret } = world();
      const metrics = `http://127.0.0.1:${parts[0]!.metricsPort}`;
      const code = (path: string): Promise<number> => fetch(`${metrics}${path}`).then((answer) => answer.status);
      const accepted: string[] = [];
      const send = async (id: string): Promise<number> => {
        const version: Version = { entity: 'customer', id, version: 1 };
        const event = { id: webhookIdOf(version), type: 'customer.updated', data: dataOf(version) };
        const answer = await sendSigned(`${hooks}/acme-crm`, secret, event);
        if (answer.status === 202) accepted.push(id);
        return answer.status;
      };
      let away = true;
      const exhausted = postgres.exhaust(12_000).finally(() => (away = false));
      const answers = new Set<number>();
      const seen = { ready: new Set<number>(), live: new Set<number>() };
      for (let n = 0; away; n++) {
        answers.add(await send(`x${n}`));
        seen.ready.add(await code('/readyz'));
        seen.live.add(await code('/livez'));
      }
      expect(await exhausted).toBeGreaterThan(CONCURRENCY);
      expect([...answers].filter((answer) => ![202, 503].includes(answer))).toEqual([]);
      expect(answers).toContain(503);
      expect(seen.ready).toContain(503);
      expect([...seen.live]).toEqual([200]);

      await until(
        () => send('last').catch(() => 0),
        (answer) => answer === 202 || answer === 200,
        { within: 60_000, what: 'events are taken again' },
      );
      await until(
        () => effects(sandbox),
        (done) => accepted.every((id) => done.some(({ key }) => key.endsWith(`-${id}`))),
        { within: 120_000, what: 'all that was accepted arrives' },
      );
      expect(await code('/readyz')).toBe(200);
    },
    PATIENCE_MS,
  );
});

interface Answer {
  status: number;
  retryAfter: string | null;
  /** of a refusal */
  code: string | undefined;
}

/** Every event until it is accepted, so many at a time; who is told to come back comes when it was told. All answers. */
async function sendUntilTaken({ hooks, secret }: World): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < EVENTS) {
      const version: Version = { entity: 'customer', id: `b${next++}`, version: 1 };
      const event = { id: webhookIdOf(version), type: 'customer.updated', data: dataOf(version) };
      for (;;) {
        const { status: code, retryAfter, body } = await sendSigned(`${hooks}/acme-crm`, secret, event);
        answers.push({ status: code, retryAfter, code: (body as { code?: string }).code });
        if (code !== 429 && code !== 503) break;
        await pause(Number(retryAfter) * 1_000);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return answers;
}

/** Says that it will send a hundred kilobytes, and sends a byte. All of them together stay below the limit of bytes in hand. */
function slowClient(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(
    'POST /hooks/acme-crm HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{',
  );
  return socket;
}

/** Of a process of the product: bytes of memory, and requests that it sent away. */
async function measured(metricsPort: number): Promise<{ resident: number; shed: number }> {
  const text = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).then((answer) => answer.text());
  const all = (line: RegExp): number => [...text.matchAll(line)].reduce((sum, [, value]) => sum + Number(value), 0);
  return {
    resident: all(/^crossdock_process_resident_memory_bytes (\S+)$/gm),
    shed: all(/^crossdock_capture_shed_total\{.*\} (\S+)$/gm),
  };
}
