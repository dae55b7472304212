import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runningConsole, type RunningConsole } from '../../test/running-console.ts';

describe('what people order of the relay', () => {
  let console: RunningConsole;
  beforeAll(async () => {
    console = await runningConsole();
  });
  afterAll(() => console?.close());

  const ordered = async (path: string, body: object): Promise<unknown> => {
    const answer = await console.call('POST', path, body);
    expect(answer.status).toBe(202); // no relay runs here
    const [row] = await console.cloned.database.query(
      'select stage, kind, target, reason from command order by created_at desc limit 1',
    );
    return row;
  };

  it('is a refill of everything or of one partition, and the release of a key', async () => {
    expect(await ordered('/api/v1/relay/refill', {})).toEqual({
      stage: 'relay',
      kind: 'refill',
      target: {},
      reason: 'not given',
    });
    const place = { group: 'mapper', topic: 'crm.order.v1', partition: 3 };
    expect(await ordered('/api/v1/relay/refill', { ...place, reason: 'a hole' })).toMatchObject({
      kind: 'refill',
      target: place,
    });
    expect(await ordered('/api/v1/relay/release', { key: 'acme:order:1' })).toMatchObject({
      kind: 'release',
      target: { key: 'acme:order:1' },
    });
  });

  it.each([
    ['refill', { group: 'nobody' }],
    ['refill', { partition: -1 }],
    ['refill', { all: true }],
    ['release', {}],
  ])('refuses %s with %j', async (what, body) => {
    expect(await console.call('POST', `/api/v1/relay/${what}`, body)).toMatchObject({
      status: 400,
      body: { code: 'CROSSDOCK_API_BAD_BODY' },
    });
  });
});
