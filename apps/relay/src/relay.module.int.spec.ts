import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Configuration } from '#contracts';
import { Health, Metrics, readEnvironment, type RunningApp } from '#platform';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { start } from './main.ts';
import { append } from './testing/append.ts';

describe('the relay as a process', () => {
  let clone: ClonedDatabase;
  let app: RunningApp;
  beforeAll(async () => {
    clone = await clonedDatabase();
    const configuration: Configuration = {
      tenant: 'acme',
      connections: new Map(),
      flows: new Map(),
      position: () => ({ file: 'crossdock.yaml', line: 1, column: 1 }),
    };
    const environment = { ...readEnvironment({ CROSSDOCK_METRICS_PORT: '0' }), databaseUrl: clone.url };
    app = await start({ environment, configuration, schemaRoots: [], metrics: new Metrics(), health: new Health() });
  });
  afterAll(async () => {
    await app.close();
    await clone.close();
  });

  it('publishes to the log of the environment, in topics it has made', async () => {
    for (let n = 0; n < 20; n++) await append(clone.database, String(n % 4));
    const published = async (): Promise<{ key: string; version: string }[]> =>
      clone.database.query(
        `select key, headers ->> 'ce_aggregateversion' as version from log_record
         where topic = 'crm.order.v1' order by partition, "offset"`,
      );
    await eventually(async () => (await published()).length === 20, 'twenty records');
    for (let n = 0; n < 4; n++) {
      const versions = (await published()).filter(({ key }) => key === `t:order:${n}`).map(({ version }) => version);
      expect(versions).toEqual(['1', '2', '3', '4', '5']);
    }
  });

  it('says in its metrics who leads, what is published and what is not; what only the console knows it does not show', async () => {
    await eventually(async () => {
      const text = await (await fetch(`${app.metricsUrl}/metrics`)).text();
      return (
        text.includes('crossdock_relay_leader 1') &&
        text.includes('crossdock_relay_shards 1') &&
        text.includes('crossdock_relay_published_total 20') &&
        text.includes('crossdock_relay_gaps 0') &&
        text.includes('crossdock_relay_set_aside 0') &&
        !text.includes('\ncrossdock_outbox_unpublished ') &&
        /crossdock_relay_moved_timestamp_seconds 1[.\d]+/.test(text)
      );
    }, 'the metrics');
  });

  it('is ready while database and log answer', async () => {
    const answer = await fetch(`${app.metricsUrl}/readyz`);
    expect(await answer.json()).toMatchObject({ checks: { 'relay: database': 'ok', 'relay: log': 'ok' } });
    expect(answer.status).toBe(200);
  });
});
