import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { commitsAtRisk } from './commits-at-risk.ts';

describe('commits at risk', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase();
  });
  afterAll(() => clone.close());

  /** As an ordinary role, which sees least; the stand-bys of a server are those of every test on it. */
  const asked = (commit: string): Promise<string | undefined> =>
    clone.database.transaction(async (tx) => {
      await tx.query('create role risk_test');
      await tx.query('set local role risk_test');
      await tx.query(`set local synchronous_commit = ${commit}`);
      const risk = await commitsAtRisk(tx);
      await tx.query('reset role');
      await tx.query('drop role risk_test');
      return risk;
    });

  /** A connection that PostgreSQL takes for that of a stand-by, or of whoever gives such a name or a database. */
  async function attached(query: string, work: () => Promise<void>): Promise<void> {
    const sender = new pg.Client({ connectionString: `${clone.url}?${query}` });
    await sender.connect();
    await work().finally(() => sender.end());
  }

  it('are none on a server without stand-bys, unless it does not wait for its own disk', async () => {
    expect(await asked('on')).toBe(undefined);
    expect(await asked('off')).toMatch(/^synchronous_commit is off/);
  });

  it('are none for a backup that runs, or a subscriber to changes', async () => {
    await attached('replication=true&application_name=pg_basebackup', async () => {
      await attached('replication=database', async () => {
        expect(await asked('on')).toBe(undefined);
      });
    });
  });

  it('are those that a stand-by may lack which nobody waits for', async () => {
    await attached('replication=true', async () => {
      expect(await asked('on')).toMatch(/stand-bys and waits for none \(synchronous_standby_names is empty\)/);
    });
  });
});
