import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { countUnpublished } from '#outbox';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { Relay } from './relay.ts';
import { CollectingLog } from './testing/collecting-log.ts';
import { judge } from './testing/judge.ts';
import {
  idAboveLast,
  transactionIdBelowXmin,
  twoSkipLockedReaders,
  type Recipe,
  type Seen,
} from './testing/recipes.ts';
import { writeConcurrently } from './testing/writers.ts';

/** Rows among which every wrong recipe goes wrong, nearly always: whichever inverts only by chance gets more of them. */
const ENOUGH = 500n;

describe('24 concurrent writers with long transactions and rollbacks', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase({ max: 32 });
  });
  afterAll(() => clone.close());

  it('lose, repeat and invert nothing in our relay, while each of the known wrong recipes does', async () => {
    const { database } = clone;
    const log = new CollectingLog();
    const relay = new Relay({ database, log, surprised: () => {} });
    await relay.start();
    const wrong = {
      idAboveLast: idAboveLast(database),
      transactionIdBelowXmin: transactionIdBelowXmin(database),
      twoSkipLockedReaders: await twoSkipLockedReaders(database),
    };
    const rows = async (): Promise<bigint> =>
      (await database.query<{ n: bigint }>('select count(*) as n from outbox'))[0]!.n;
    const inverts = ({ published }: Recipe): boolean => judge([], published).inverted > 0;
    const shown = (): boolean => inverts(wrong.transactionIdBelowXmin) && inverts(wrong.twoSkipLockedReaders);
    const until = performance.now() + 60_000;
    do await writeConcurrently(database, { writers: 24, records: 30, ms: 4000 });
    while ((await rows()) <= ENOUGH || (!shown() && performance.now() < until)); // a busy machine takes longer
    await eventually(async () => {
      const { unpublished, gaps } = await countUnpublished(database, 0);
      return unpublished + gaps === 0;
    }, 'everything is published and every gap decided');
    await Promise.all(Object.values(wrong).map((recipe) => recipe.stop()));

    const committed = await database.query<Seen>(
      "select key, (headers ->> 'ce_aggregateversion')::integer as version from outbox",
    );
    const ours = log.records.map(({ key, headers }) => ({ key, version: Number(headers['ce_aggregateversion']) }));
    expect(judge(committed, ours)).toEqual({ committed: committed.length, lost: 0, duplicated: 0, inverted: 0 });
    expect(relay.state.rolledBack).toBeGreaterThan(0n);
    expect(judge(committed, wrong.idAboveLast.published).lost).toBeGreaterThan(0);
    expect(judge(committed, wrong.transactionIdBelowXmin.published).inverted).toBeGreaterThan(0);
    expect(judge(committed, wrong.twoSkipLockedReaders.published).inverted).toBeGreaterThan(0);
    await relay.stop();
  }, 120_000);
});
