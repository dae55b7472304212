import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { extendOutbox, pruneOutbox } from '#outbox';
import { clonedDatabase, given, type ClonedDatabase } from '#testing';
import { conservation } from './conservation.ts';

const OLD = 500 * 86_400;
const CUSTOMERS = { flow: 'customers', connection: 'main-erp', document: 'customer' } as const;

describe('the equations of what must not get lost', () => {
  let clone: ClonedDatabase;
  beforeEach(async () => {
    clone = await clonedDatabase();
  });
  afterEach(() => clone.close());

  const delivered = async (recordId: string, age: number): Promise<bigint> => {
    const { event } = await given.captured(clone.database, { entity: 'customer', recordId, age });
    await given.delivery(clone.database, event!, { ...CUSTOMERS, status: 'DELIVERED' });
    return event!.outboxId;
  };

  it('hold when the archive has dropped what is old and finished, and not when it has lost what it should have', async () => {
    await delivered('old', OLD);
    const kept = await given.captured(clone.database, { status: 'rejected', age: OLD });
    await clone.database.query("select setval('outbox_id', 5000010)");
    await extendOutbox(clone.database);
    const newer = await delivered('newer', OLD);
    expect(newer).toBeGreaterThan(5_000_000n);
    expect(await conservation(clone.database)).toEqual({ captured: 0, 'fan-out': 0 });
    expect(await pruneOutbox(clone.database, 400)).toEqual(['outbox_1']);
    expect(await conservation(clone.database)).toEqual({ captured: 0, 'fan-out': 0 });
    await clone.database.query('delete from outbox where id = $1', [newer]);
    expect(await conservation(clone.database)).toEqual({ captured: 1, 'fan-out': 0 });
    await clone.database.query("update captured set status = 'published' where id = $1", [kept.capturedId]);
    expect(await conservation(clone.database)).toEqual({ captured: 2, 'fan-out': 0 }); // it never was an event
  });

  it('do not hold when the archive has lost one before anything of it was dropped', async () => {
    const lost = await delivered('lost', OLD);
    await clone.database.query('delete from outbox where id = $1', [lost]);
    expect(await conservation(clone.database)).toEqual({ captured: 1, 'fan-out': 0 });
  });
});
