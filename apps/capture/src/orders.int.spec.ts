import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { Backlog } from './backlog.ts';
import { captureApp, eventually, type CaptureApp } from './testing/capture-app.ts';

let clone: ClonedDatabase;
let app: CaptureApp;
beforeAll(async () => {
  clone = await clonedDatabase();
  app = await captureApp(clone.url);
});
afterAll(async () => {
  await app?.close();
  await clone?.close();
});

interface Row {
  id: bigint;
  status: string;
  code: string | null;
  outbox_id: bigint | null;
}

const rowOf = async (sourceEventId: string): Promise<Row> => {
  const [row] = await clone.database.query<Row>(
    'select id, status, code, outbox_id from captured where source_event_id = $1',
    [sourceEventId],
  );
  return row!;
};
const becomes = (id: string, status: string): Promise<Row> =>
  eventually(
    () => rowOf(id),
    (row) => row.status === status,
  );

/** A customer whose kind is none; what makes it one is mended in the kept payload, where a mapping would be mended in life. */
async function rejected(id: string): Promise<Row> {
  const data = { id: `o-${id}`, name: 'A', kind: 'NONE', status: 'ACTIVE' };
  expect((await app.send({ type: 'customer.updated', data }, { id })).status).toBe(202);
  return becomes(id, 'rejected');
}
const mend = (id: bigint) =>
  clone.database.query(`update captured_payload set body = replace(body, 'NONE', 'COMPANY') where captured_id = $1`, [
    id,
  ]);

async function order(kind: string, target: object): Promise<{ status: string; result: Record<string, unknown> }> {
  const [placed] = await clone.database.query<{ id: string }>(
    `with placed as (insert into command (stage, kind, target, actor, reason) values ('capture', $1, $2, 'ada', 'because') returning id)
     select placed.id, pg_notify('crossdock_command', id::text) from placed`,
    [kind, JSON.stringify(target)],
  );
  const answers = await eventually(
    () =>
      clone.database.query<{ status: string; result: Record<string, unknown> }>(
        'select status, result from command where id = $1',
        [placed!.id],
      ),
    ([answer]) => answer!.status !== 'waiting',
  );
  return answers[0]!;
}

describe('what people order of captured rows', () => {
  it('a rejected one tries again, and becomes an event with the version it had', async () => {
    const row = await rejected('again');
    await app.send(
      { type: 'customer.updated', data: { id: 'o-again', name: 'B', kind: 'COMPANY', status: 'ACTIVE' } },
      { id: 'newer' },
    );
    await becomes('newer', 'published');
    expect(await order('renormalise', { capturedId: String(row.id) })).toEqual({ status: 'done', result: { rows: 1 } });
    await becomes('again', 'rejected'); // nothing was mended
    await mend(row.id);
    await order('renormalise', { capturedId: String(row.id) });
    const { outbox_id } = await becomes('again', 'published');
    const [event] = await clone.database.query<{ headers: Record<string, string> }>(
      'select headers from outbox where id = $1',
      [outbox_id],
    );
    expect(event!.headers).toMatchObject({ ce_aggregateversion: '1' });
    expect(await order('renormalise', { capturedId: String(row.id) })).toMatchObject({
      status: 'refused',
      result: { reason: expect.stringContaining('it is published') },
    });
  });

  it('a selection of rejected ones tries again', async () => {
    const rows = [await rejected('all-1'), await rejected('all-2')];
    for (const { id } of rows) await mend(id);
    expect(await order('renormalise', { connection: 'acme-events' })).toEqual({ status: 'done', result: { rows: 0 } });
    const code = rows[0]!.code;
    expect(await order('renormalise', { connection: 'acme-crm', code })).toMatchObject({ status: 'done' });
    await becomes('all-1', 'published');
    await becomes('all-2', 'published');
  });

  it('a dismissed one stays as it is, with its reason, until somebody changes his mind; its payload keeps nothing back', async () => {
    const row = await rejected('given-up');
    expect(await order('dismiss', { capturedId: String(row.id) })).toEqual({ status: 'done', result: { rows: 1 } });
    expect(await rowOf('given-up')).toMatchObject({ status: 'dismissed', code: 'CROSSDOCK_CAPTURE_SCHEMA' });
    expect(await order('dismiss', { capturedId: String(row.id) })).toMatchObject({ status: 'refused' });
    await mend(row.id);
    await order('renormalise', { capturedId: String(row.id) });
    await becomes('given-up', 'published');
  });

  it('is refused in words where it cannot be done', async () => {
    expect(await order('dismiss', {})).toMatchObject({ status: 'refused' });
    expect(await order('renormalise', { capturedId: "1' or true" })).toMatchObject({ status: 'refused' });
    expect(await order('renormalise', { capturedId: '999999' })).toMatchObject({
      result: { reason: 'there is no captured row 999999' },
    });
    expect(await order('explode', {})).toMatchObject({ result: { reason: expect.stringContaining('two orders') } });
    const row = await rejected('without');
    await clone.database.query('delete from captured_payload where captured_id = $1', [row.id]);
    expect(await order('renormalise', { capturedId: String(row.id) })).toMatchObject({
      result: { reason: expect.stringContaining('not kept any more') },
    });
  });
});

describe('the backlog', () => {
  it('is full when as many wait as may, and again open when a tenth is gone', async () => {
    const backlog = new Backlog(clone.database, 20);
    const full = async (): Promise<boolean> => {
      await backlog.look();
      return backlog.full;
    };
    const wait = (count: number) =>
      clone.database.query(
        `insert into captured (tenant, connection, source_event_id, type, entity, record_id, key, aggregate_version, event_id)
         select 'acme', 'unknown', 'b' || n, 'customer.updated', 'customer', n, 'k' || n, 1, gen_random_uuid()
         from generate_series(1, $1::int) as n`,
        [count],
      );
    expect(await full()).toBe(false);
    await wait(20);
    expect(await full()).toBe(true);
    const leave = `delete from captured where id in (select id from captured where connection = 'unknown' limit $1)`;
    await clone.database.query(leave, [1]);
    expect(await full()).toBe(true);
    await clone.database.query(leave, [2]);
    expect(await full()).toBe(false);
    await clone.database.query(leave, [20]);
  });
});
