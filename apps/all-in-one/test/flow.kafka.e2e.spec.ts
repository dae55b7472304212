import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { describeFlow } from './support/flow-suite.ts';
import { freePorts } from './support/ports.ts';
import { collect, dataFolder, sendJson, spawnCommand, startProduct, until, type Product } from './support/product.ts';
import { addressOf, end } from './support/stages.ts';

describeFlow('on a real Kafka broker', ['--kafka']);

describe('a consumer that is not ours', () => {
  const folder = dataFolder();
  const broker = spawnCommand(['run', 'kafka'], { CROSSDOCK_DATA: folder.path });
  const cleanUp: (() => Promise<unknown>)[] = [];
  let brokers: string;
  let product: Product;
  beforeAll(async () => {
    brokers = await addressOf(broker, 'KAFKA_BROKERS');
    product = await startProduct({
      data: join(folder.path, 'product'),
      ports: await freePorts(),
      kafkaBrokers: brokers,
    });
  }, 240_000);
  afterAll(async () => {
    for (const undo of cleanUp) await undo();
    await product?.stop();
    await end(broker, 'SIGTERM');
    folder.remove();
  }, 60_000);

  it('reads events (Avro) and documents (JSON Schema frame) through the registry endpoint', async () => {
    const told = `Kafka: ${brokers}   schema registry: ${product.url}\n`; // the greeting sends people there, lines after "ready"
    await until(
      async () => product.output(),
      (text) => text.includes(told),
      { within: 60_000, what: told },
    );
    await sendJson('POST', `${product.sandbox}/crm/generate`, { orders: 3, seed: 'consumer' });
    const consumer = spawn(
      process.execPath,
      [
        join(packageRoot(), 'docs/guides/consumer.mjs'),
        brokers,
        product.url,
        'crm.order.v1',
        'erp.main-erp.sales-order.v1',
        'finance.ledger.journal-entry.v1',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const output = collect(consumer);
    cleanUp.push(() => end(consumer, 'SIGKILL'));
    const read = await until(
      async () =>
        output()
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as { topic: string; key: string; value: Record<string, unknown> }),
      (lines) =>
        ['crm.order', 'erp.main-erp', 'finance.ledger'].every(
          (area) => lines.filter((line) => line.topic.startsWith(area) && isWon(line)).length >= 3,
        ),
      { within: 60_000, what: `three orders of each topic (${output().slice(0, 500)})` },
    );
    expect(await end(consumer, 'SIGTERM')).toBe(0);
    const order = read.find((line) => line.topic === 'erp.main-erp.sales-order.v1')!;
    expect(order.value['externalId']).toBe(order.key);
    expect(Object.keys(order.value)).toEqual(expect.arrayContaining(['currency', 'lines', 'orderDate']));
  }, 120_000);
});

/** The first state of an order is open: only the won one becomes a document. */
const isWon = (line: { topic: string; value: Record<string, unknown> }): boolean =>
  !line.topic.startsWith('crm.') || line.value['stage'] === 'WON';
