import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { given } from '#testing';
import { runningConsole, type RunningConsole } from '../../../console/test/running-console.ts';
import { API_COMMANDS } from './index.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole();
});
afterAll(() => console?.close());

/** Runs `crossdock <words>` against the console of this test. */
async function crossdock(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const [name, ...args] = words;
  const out: string[] = [];
  const err: string[] = [];
  const command = API_COMMANDS.find((one) => one.name === name)!;
  const url = args.includes('--url') ? [] : ['--url', console.app.url!];
  const code = await command.run([...args, ...url], { out: (text) => out.push(text), err: (text) => err.push(text) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const ORDERS = { flow: 'orders', connection: 'main-erp', document: 'salesOrder', fanOut: 2 } as const;

describe('the command line', () => {
  it('answers in one screen why an order has not arrived', async () => {
    const { database } = console.cloned;
    const customer = await given.event(database, { entity: 'customer', recordId: 'sb-c1' });
    const dead = await given.delivery(database, customer, {
      flow: 'customers',
      connection: 'main-erp',
      document: 'customer',
      status: 'DEAD',
      errorClass: 'VALUE',
      error: 'the VAT id is not valid',
    });
    const order = await given.event(database, { recordId: 'sb-4711', type: 'crm.order.won' });
    const held = await given.delivery(database, order, {
      ...ORDERS,
      status: 'HELD_DEPENDENCY',
      amount: '120.50',
      currency: 'EUR',
    });
    const key = 'acme:customer:sb-c1';
    await given.wait(database, held, { connection: 'main-erp', kind: 'reference', name: 'customer', key });
    await given.delivery(database, order, {
      flow: 'order-postings',
      connection: 'ledger',
      document: 'journalEntry',
      fanOut: 2,
      status: 'DELIVERED',
      targetId: 'J-17',
    });

    const { code, out } = await crossdock('show', 'order', '4711');
    expect(code).toBe(0);
    const lines = out.split('\n');
    expect(lines.length).toBeLessThan(24);
    expect(lines[0]).toBe('order sb-4711: 1 version');
    expect(out).toContain('crm.order.won');
    expect(out).toMatch(/published .*crm\.order\.v1 partition 0 offset \d+/);
    expect(out).toContain(`orders -> main-erp salesOrder: HELD_DEPENDENCY`);
    expect(out).toContain('worth 120.50 EUR');
    expect(out).toContain(`waits for customer ${key}: which is DEAD (VALUE), delivery ${dead}`);
    expect(out).toContain('order-postings -> ledger journalEntry: DELIVERED as J-17 after 100 ms');
    expect(lines.at(-1)).toBe(`orders: see why ${key} is not there: crossdock show delivery ${dead}`);
    expect(JSON.parse((await crossdock('show', 'order', '4711', '--json')).out)).toMatchObject({ id: 'sb-4711' });
  });

  it('shows the state of each flow and how to go on', async () => {
    const { code, out } = await crossdock('status');
    expect(code).toBe(0);
    expect(out).toMatch(/^flow +target +accepted/m);
    expect(out).toMatch(/^orders +main-erp +1 +0 +1 held/m);
    expect(out).toContain('crossdock failures');
    expect((await crossdock('failures')).out).toContain('the VAT id is not valid');
    expect((await crossdock('find', '4711')).out).toMatch(/order +sb-4711 +v1 .*orders HELD_DEPENDENCY/);
    expect((await crossdock('find', 'nothing-like-it')).code).toBe(1);
    expect((await crossdock('captured')).out).toBe('nothing is rejected');
    expect((await crossdock('xref')).out).toBe('no cross-reference like that');
    expect((await crossdock('values', 'payment-terms')).out).toBe('nothing is known of payment-terms');
  });

  it('changes nothing on a dry run and says what it would do', async () => {
    const before = await console.cloned.database.query('select 1 from command');
    const { code, out } = await crossdock('retry', '--status', 'DEAD', '--dry-run');
    expect([code, out]).toEqual([0, expect.stringMatching(/^would retry delivery \d+$/)]);
    expect((await crossdock('cancel', '1', '--dry-run')).out).toBe('would cancel delivery 1');
    expect((await crossdock('pause', 'flow', 'orders', '--dry-run')).out).toBe('would pause flow orders');
    expect(await console.cloned.database.query('select 1 from command')).toHaveLength(before.length);
  });

  it('ends with 3 when only a part was taken', async () => {
    const { database } = console.cloned;
    const [row] = await database.query<{ id: bigint }>(`select id from delivery where status = 'DEAD'`);
    const { code, out, err } = await crossdock('retry', String(row!.id), '999999', '--reason', 'corrected');
    expect(code).toBe(3);
    expect(out).toMatch(/^ordered: retry delivery \d+ \(command [0-9a-f-]{36}\)$/); // no delivery stage runs here
    expect(err).toContain('there is no delivery "999999"');
  });

  it('orders that a delivery is given up, with the reason', async () => {
    const { database } = console.cloned;
    const [row] = await database.query<{ id: bigint }>(`select id from delivery where status = 'DEAD'`);
    const { code, out } = await crossdock('cancel', String(row!.id), '--reason', 'posted by hand');
    expect([code, out]).toEqual([0, expect.stringMatching(/^ordered: cancel delivery \d+ /)]);
    expect(await database.query(`select kind, target, reason from command where kind = 'cancel'`)).toEqual([
      { kind: 'cancel', target: { deliveryId: String(row!.id) }, reason: 'posted by hand' },
    ]);
  });

  it.each([
    [['status', '--jsn'], "Unknown option '--jsn'"],
    [['show', 'order'], 'say what to show'],
    [['retry'], 'say which deliveries'],
    [['retry', '1'], '--reason'],
    [['cancel'], 'say which deliveries'],
    [['cancel', '1'], '--reason'],
    [['resolve', '1', '--as', 'maybe', '--reason', 'x'], '--as is applied or not-applied'],
    [['values', 'terms', 'net30'], 'is not from=to'],
  ])('tells with code 2 how %j is meant', async (words, hint) => {
    const { code, err } = await crossdock(...words);
    expect([code, err]).toEqual([2, expect.stringContaining(hint)]);
    expect(err).toContain('usage: crossdock');
  });

  it('shows how one command is meant', async () => {
    const { code, out } = await crossdock('retry', '--help');
    expect([code, out]).toEqual([0, expect.stringContaining('crossdock retry <delivery id>...')]);
  });

  it('says what to do when nobody listens, and when what listens is something else', async () => {
    const { code, err } = await crossdock('status', '--url', 'http://127.0.0.1:1');
    expect([code, err]).toEqual([1, expect.stringContaining('npm start')]);
    const other = await crossdock('status', '--url', console.app.metricsUrl);
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('not its console')]);
  });

  it('hints at the right name', async () => {
    const { code, err } = await crossdock('show', 'oder', '1');
    expect([code, err]).toEqual([1, expect.stringContaining('did you mean "order"?')]);
  });

  it('prints a generated secret of the data folder only', async () => {
    const { code, err } = await crossdock('show', 'secret', 'not-there');
    expect([code, err]).toEqual([1, expect.stringContaining('CROSSDOCK_DATA')]);
    expect((await crossdock('show', 'secret', '../../etc/passwd')).code).toBe(1);
  });
});
