import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { bind, find } from './index.ts';

describe('cross-references', () => {
  let db: ClonedDatabase;
  beforeAll(async () => {
    db = await clonedDatabase();
  });
  afterAll(() => db.close());

  it('answers in the order asked, with nothing where no id is bound', async () => {
    const { database } = db;
    await bind(database, { connection: 'erp', document: 'customer', key: 't:customer:1', targetId: 'C1' }, 'test');
    await bind(database, { connection: 'erp', document: 'customer', key: 't:customer:2', targetId: 'C2' }, 'test');
    const asked = ['t:customer:2', 't:customer:3', 't:customer:1', 't:customer:2'];
    const found = await find(
      database,
      'erp',
      asked.map((key) => ({ document: 'customer', key })),
    );
    expect(found).toEqual(['C2', undefined, 'C1', 'C2']);
    expect(await find(database, 'other', [{ document: 'customer', key: 't:customer:1' }])).toEqual([undefined]);
  });

  it('keeps one id per record, the last one bound', async () => {
    const { database } = db;
    const record = { connection: 'erp', document: 'order', key: 't:order:1' };
    await bind(database, { ...record, targetId: 'O1' }, 'test');
    await bind(database, { ...record, targetId: 'O2' }, 'a person');
    expect(await find(database, 'erp', [record])).toEqual(['O2']);
  });
});
