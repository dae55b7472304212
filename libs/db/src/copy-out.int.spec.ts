import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { Database, type Session } from './database.ts';

describe('rows copied out', () => {
  let cloned: ClonedDatabase;
  let database: Database;
  let session: Session;

  beforeAll(async () => {
    cloned = await clonedDatabase();
    database = await Database.open({ url: cloned.url, name: 'copying', max: 2 });
    session = await database.session();
  });
  afterAll(async () => {
    await database.close();
    await cloned.close();
  });

  const usable = async () => expect(await session.query('select 1 as one')).toEqual([{ one: 1 }]);

  it('have the values that a query gives, of every type that is read', async () => {
    const select = `
      select n::bigint * -4000000000 as big, 'größe ' || repeat('x', n * 50) || ' 💶' as text,
        decode(repeat(lpad(to_hex(n % 256), 2, '0'), n * 37), 'hex') as bytes, n % 2 = 0 as even,
        timestamptz '1999-12-31 23:59:59.987+00' + n * interval '1 day' as at
      from generate_series(0, 700) as n
      union all select null, null, null, null, null`;
    const copied: unknown[] = [];
    await session.copy(select, (columns) =>
      copied.push({
        big: columns.bigint(),
        text: columns.text(),
        bytes: columns.bytes()?.toString('hex'),
        even: columns.boolean(),
        at: columns.timestamp(),
      }),
    );
    const queried = await session.query<{ bytes: Buffer | null }>(select);
    expect(copied).toEqual(queried.map((row) => ({ ...row, bytes: row.bytes?.toString('hex') })));
    expect(copied).toHaveLength(702);
  });

  it('are none where there are none', async () => {
    let rows = 0;
    await session.copy('select 1 where false', () => rows++);
    expect(rows).toBe(0);
  });

  it('end with what the server says, also after some came, and the session goes on', async () => {
    await expect(session.copy('select nothing', () => {})).rejects.toMatchObject({ code: '42703' });
    let rows = 0;
    const breaks = 'select 1 / (20000 - n) from generate_series(1, 20001) as n';
    await expect(session.copy(breaks, () => rows++)).rejects.toMatchObject({ code: '22012' });
    expect(rows).toBe(19_999);
    await usable();
  });

  it('end with what their reader throws, once, and the session goes on', async () => {
    let rows = 0;
    const reader = (): void => {
      if (++rows === 3) throw new Error('cannot read this');
    };
    await expect(session.copy('select n from generate_series(1, 5000) as n', reader)).rejects.toThrow(
      'cannot read this',
    );
    expect(rows).toBe(3);
    await usable();
  });

  it('say that the database is away when their connection ends', async () => {
    const other = await database.session();
    const [{ pid }] = (await other.query<{ pid: number }>('select pg_backend_pid() as pid')) as [{ pid: number }];
    const ended = expect(other.copy('select pg_sleep(60)', () => {})).rejects.toMatchObject({
      code: 'CROSSDOCK_DB_UNAVAILABLE',
    });
    await database.query('select pg_terminate_backend($1)', [pid]);
    await ended;
  });
});
