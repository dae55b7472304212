import { afterEach, describe, expect, it } from '@jest/globals';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes } from '../test/harness.ts';

const HOUR = 3_600_000;
const RealDate = globalThis.Date;

/** From now on this process's wall clock is off by so many ms; the database's and the monotonic one are not. */
function stepClock(by: number): void {
  globalThis.Date = class extends RealDate {
    constructor(...of: [] | [number | string | Date]) {
      if (of.length === 0) super(RealDate.now() + by);
      else super(of[0]);
    }
    static override now = (): number => RealDate.now() + by;
  } as DateConstructor;
}

/** Row F66 of the fault matrix. */
describe.each([
  ['an hour ahead', HOUR],
  ['an hour behind', -HOUR],
])('a wall clock that was stepped, and is now %s,', (_, by) => {
  const at = fixture();
  afterEach(() => {
    globalThis.Date = RealDate;
  });

  it('neither shortens nor lengthens the settle time, nor what is waited for between tries', async () => {
    const w = await at.running();
    stepClock(by);
    w.target.fault({ do: 'hang' });
    w.target.fault({ do: 'not-sent' });
    const began = performance.now();
    const event = await w.send({ document: 'salesOrder' });
    await becomes(w, event, 'DELIVERED');
    expect(performance.now() - began).toBeLessThan(20_000);
    const attempts = await attemptsOf(w, event);
    const [first, second] = attempts;
    const waited = (second!['started_at'] as Date).getTime() - (first!['gave_up_at'] as Date).getTime();
    expect(waited).toBeGreaterThanOrEqual(150);
    expect(waited).toBeLessThan(15_000);
    const [row] = await w.database.query<{ taken: number }>(
      `select extract(epoch from finished_at - created_at)::float8 as taken from delivery where event_id = $1`,
      [event],
    );
    expect(row!.taken).toBeGreaterThanOrEqual(0);
    expect(row!.taken).toBeLessThan(20);
  });
});
