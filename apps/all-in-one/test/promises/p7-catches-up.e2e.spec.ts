import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '#testing';
import { Part } from '../support/part.ts';
import { dataFolder, sendJson, until } from '../support/product.ts';
import { settled, status } from '../support/records.ts';
import { createdTwice, effects } from '../support/witness.ts';
import { Postgres } from './postgres.ts';

const ROUNDS = 3;
const ORDERS = 60;

/**
 * P7, with a CRM that loses its database too: row F07 of the fault matrix; `npm run promises` has twenty crashes in five minutes. Every other
 * run here waits for P7 as well.
 */
describe('P7: after the last fault heals the system catches up by itself', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it(
    'while PostgreSQL crashes and comes back under load, again and again',
    async () => {
      const folder = dataFolder();
      cleanUp.push(() => folder.remove());
      const postgres = await Postgres.start(folder.path);
      cleanUp.push(() => postgres.stop());
      const sandboxPort = await freePort();
      const product = await Part.start('all-in-one', {
        DATABASE_URL: postgres.url,
        CROSSDOCK_DATA: join(folder.path, 'product'),
        CROSSDOCK_LOG_LEVEL: 'silent',
        CROSSDOCK_SANDBOX_PORT: String(sandboxPort),
      });
      cleanUp.push(() => product.stop());
      const sandbox = `http://127.0.0.1:${sandboxPort}`;
      const generate = (round: number) =>
        sendJson('POST', `${sandbox}/crm/generate`, { orders: ORDERS, seed: `p7-${round}` });

      for (let round = 1; round <= ROUNDS; round++) {
        const generating = generate(round).catch(() => {}); // the CRM loses its database too
        await until(
          () => effects(sandbox, '?system=finance'),
          (done) => done.length > (round - 1) * ORDERS,
          { within: 120_000, what: `round ${round} is under way` },
        );
        await postgres.crash();
        await wait(1_000); // it stays away for a while
        await postgres.comeBack();
        await generating;
        await until(
          () => generate(round),
          () => true,
          { within: 60_000, what: 'the CRM has its database again' },
        );
      }

      const last = await until(
        () => status(product.url),
        (answer) => settled(answer) && answer.flows.find((flow) => flow.name === 'orders')!.accepted >= ROUNDS * ORDERS,
        { within: 180_000, what: 'everything arrives without a restart' },
      );
      expect(last.flows.map((flow) => flow.difference)).toEqual(last.flows.map(() => 0));
      const done = await effects(sandbox);
      expect(createdTwice(done)).toEqual([]);
      expect(
        done.filter(({ document, operation }) => document === 'salesOrder' && operation === 'create'),
      ).toHaveLength(ROUNDS * ORDERS);
      expect(done.filter(({ document }) => document === 'journalEntry')).toHaveLength(ROUNDS * ORDERS);
      expect(product.surprise).toBe(undefined);
    },
    200_000 + ROUNDS * 140_000,
  );
});
