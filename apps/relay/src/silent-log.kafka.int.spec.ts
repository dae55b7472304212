import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { declareTopics, RecordRefused, type EventLog } from '#contracts';
import { openEventLog, readToEnd, startKafkaBroker, type KafkaBroker } from '#event-log';
import { clonedDatabase, eventually, TcpProxy, type ClonedDatabase } from '#testing';
import { Relay } from './relay.ts';
import { append } from './testing/append.ts';

describe('a broker that takes connections and does not answer', () => {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-silent-'));
  const topic = 'crm.order.v1';
  let broker: KafkaBroker;
  let proxy: TcpProxy;
  let log: EventLog;
  let clone: ClonedDatabase;
  let relay: Relay;
  beforeAll(async () => {
    broker = await startKafkaBroker({
      dir: join(dir, 'broker'),
      heap: '256m',
      cache: join(process.cwd(), '.crossdock', 'kafka-jars'),
      sideDoor: async (port) => (proxy = await TcpProxy.open({ host: '127.0.0.1', port })).port,
    });
    log = await openEventLog({ kafka: { brokers: [`127.0.0.1:${proxy.port}`] }, giveUpAfterMs: 2_000 });
    await log.ensureTopics(declareTopics([]));
    clone = await clonedDatabase();
  }, 120_000);
  afterAll(async () => {
    proxy?.heal();
    await relay?.stop();
    await log?.close();
    await clone?.close();
    await proxy?.close();
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  const published = async (): Promise<string[]> => {
    const keys: string[] = [];
    await readToEnd(log, [topic], (records) => void keys.push(...records.map(({ key }) => key)));
    return keys;
  };

  it('is given up before the relay has a producer of it, tried again, and gets everything once it answers', async () => {
    const surprises: string[] = [];
    relay = new Relay({ database: clone.database, log, surprised: (message) => surprises.push(message) });
    await relay.start();
    // refused before anything is sent: the topic is known then, and what is asked next is the producer's id
    const tooLarge = { topic, key: 'k', value: Buffer.alloc(16 * 1024 * 1024), headers: {} };
    await expect(log.append([tooLarge])).rejects.toThrow(RecordRefused);
    const { accepted } = proxy;
    proxy.toClient = { swallow: true };
    for (let n = 0; n < 10; n++) await append(clone.database, String(n));
    await eventually(() => proxy.accepted >= accepted + 3, 'it was asked by three producers');
    expect(surprises).toEqual(['the log does not take records; nothing is lost, the same batch is tried again']);
    proxy.heal();
    await eventually(() => relay.state.published === 10, 'all is published');
    expect(surprises.at(-1)).toMatch(/^the log takes records again after \d+ failed tries$/);
    expect((await published()).sort()).toEqual(Array.from({ length: 10 }, (_, n) => `t:order:${n}`));
  }, 60_000);
});
