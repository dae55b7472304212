import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { acceptHistory, readHistory, reportHistory, vouch, type Mark } from './history.ts';

describe('the history of a database', () => {
  let clone: ClonedDatabase;
  beforeEach(async () => {
    clone = await clonedDatabase();
  });
  afterEach(() => clone.close());

  const may = async (): Promise<{ send: boolean; draw: boolean }> =>
    (await clone.database.query<{ send: boolean; draw: boolean }>('select may_send() as send, may_draw() as draw'))[0]!;
  const change = (assignment: string): Promise<unknown> => clone.database.query(`update history set ${assignment}`);

  it('lets a database send that no relay ever marked, and one whose marks go on', async () => {
    expect(await may()).toEqual({ send: true, draw: true });
    const first = (await vouch(clone.database, undefined))!;
    const second = (await vouch(clone.database, first))!;
    expect([first.mark, second.mark, second.id]).toEqual([1n, 2n, first.id]);
    expect(await may()).toEqual({ send: true, draw: true });
  });

  it('does not let it send after its server was started anew, until a relay has vouched for it', async () => {
    const seen = await vouch(clone.database, undefined);
    await change("server_started_at = server_started_at - interval '1 hour'");
    expect(await may()).toEqual({ send: false, draw: true });
    await vouch(clone.database, seen);
    expect((await may()).send).toBe(true);
  });

  it.each([
    ['of a dump on another server', "system_identifier = '1'", 'the database was restored from a dump'],
    ['of a dump on the same server', 'table_oid = 1', 'the database was restored from a dump'],
    ['that was copied', 'database_oid = 1', 'the database was restored from a dump'],
    ['on a promoted stand-by', "timeline = '00000000'", 'promoted or restored to a point in time'],
    ['older than its newest mark', 'mark = mark - 1', 'older than the newest mark'],
  ])('doubts a database %s', async (_, assignment, reason) => {
    await vouch(clone.database, undefined);
    const seen = await vouch(clone.database, undefined);
    await change(assignment);
    expect(await vouch(clone.database, seen)).toBeUndefined();
    expect(await readHistory(clone.database)).toMatchObject({
      state: 'doubted',
      reason: expect.stringContaining(reason),
    });
    expect(await may()).toEqual({ send: false, draw: false });
    expect(await vouch(clone.database, seen)).toBeUndefined(); // nothing but a person ends the doubt
  });

  it('doubts an empty database where the log knows one with a history, and another than the log knows', async () => {
    const seen: Mark = { id: crypto.randomUUID(), generation: 0, mark: 1n, at: new Date() };
    expect(await vouch(clone.database, seen)).toBeUndefined();
    expect(await readHistory(clone.database)).toMatchObject({ state: 'doubted', id: null });
  });

  it('says what may be missing: from its newest mark to the newest one outside', async () => {
    const seen = (await vouch(clone.database, undefined))!;
    const at = new Date(seen.at.getTime() + 60_000);
    await vouch(clone.database, { ...seen, mark: seen.mark + 60n, at });
    expect(await readHistory(clone.database)).toMatchObject({ vouchedUntil: seen.at, witnessedUntil: at });
  });

  it('takes events in again once somebody has looked, and sends when it is accepted, never without the look', async () => {
    const seen = (await vouch(clone.database, undefined))!;
    await change("timeline = '00000000'");
    await vouch(clone.database, seen);
    await expect(acceptHistory(clone.database, 30)).rejects.toMatchObject({ code: 'CROSSDOCK_RESTORE_NOT_YET' });
    await reportHistory(clone.database, { found: 0 });
    expect(await may()).toEqual({ send: false, draw: true });
    await expect(acceptHistory(clone.database, 30)).rejects.toThrow(/younger than 10 s/);
    await change("doubted_at = doubted_at - interval '11 s'");
    expect(await acceptHistory(clone.database, 30)).toBe(1);
    expect(await may()).toEqual({ send: true, draw: true });
    expect(await vouch(clone.database, seen)).toMatchObject({ generation: 1 });
    await expect(acceptHistory(clone.database, 30)).rejects.toThrow(/nothing to accept/);
  });

  it('must be looked at again when it is restored to a moment of an earlier doubt', async () => {
    await vouch(clone.database, undefined);
    const seen = (await vouch(clone.database, undefined))!;
    await change("timeline = '00000000'");
    await vouch(clone.database, seen);
    await reportHistory(clone.database, { found: 0 });
    const later: Mark = { ...seen, generation: 1, mark: seen.mark + 9n };
    await vouch(clone.database, later); // what was marked after the acceptance that is not in here
    expect(await readHistory(clone.database)).toMatchObject({ state: 'doubted', generation: 2, reportedAt: null });
    await reportHistory(clone.database, { found: 0 });
    await vouch(clone.database, later);
    expect((await readHistory(clone.database)).reportedAt).not.toBe(null);
  });

  it('needs no more rights than those of an ordinary role', async () => {
    await clone.database.transaction(async (tx) => {
      await tx.query('create role history_test');
      await tx.query('grant usage on schema crossdock to history_test');
      await tx.query('grant select, update, delete on crossdock.history, crossdock.log_group_lease to history_test');
      await tx.query('set local role history_test');
      expect(await vouch(tx, undefined)).toMatchObject({ generation: 0 });
      await tx.query('reset role');
      await tx.query('drop owned by history_test');
      await tx.query('drop role history_test');
    });
  });

  it('marks once when two relays mark at the same moment', async () => {
    await vouch(clone.database, undefined);
    const marks = await Promise.all(Array.from({ length: 8 }, () => vouch(clone.database, undefined)));
    const made = marks.filter((mark) => mark !== undefined).map(({ mark }) => mark);
    expect(new Set(made).size).toBe(made.length);
    expect((await readHistory(clone.database)).state).toBe('trusted');
  });
});
