import { describe, expect, it } from '@jest/globals';
import { fixture } from '../../test/fixture.ts';
import { becomes, until } from '../../test/harness.ts';

const at = fixture();

describe('a delivery in doubt that a restore wants a person to see', () => {
  it('finds out what became of its reversal, and does not post before the person has looked', async () => {
    const w = await at.running({ timeoutMs: 1_500 });
    const send = (version: number): Promise<string> =>
      w.send({ document: 'receipt', version, body: { amount: `${version}0.00` } });
    await becomes(w, await send(1), 'DELIVERED');
    w.target.fault({ do: 'apply-and-hang' }, ({ operation }) => operation === 'reverse');
    const second = await send(2);
    await until('the reversal is applied and unanswered', () => w.target.applied.length === 2);
    // as `crossdock restore accept` marks it
    await w.database.query("update delivery set review = 'may be at the target' where event_id = $1", [second]);
    await becomes(w, second, 'HELD_REVIEW');
    expect(w.target.applied.map(({ operation }) => operation)).toEqual(['create', 'reverse']);
    expect(await w.row(second)).toMatchObject({ reversed: true, review: 'may be at the target' });
  });
});
