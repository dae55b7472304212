import { expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { effects } from '../support/witness.ts';
import { sendSigned } from '../support/crm.ts';
import { until } from '../support/product.ts';
import { atRest, status } from '../support/records.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { dataOf, keyOf, type Version } from './records.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { wayFromCrm } from './troubles.ts';
import type { World } from './world.ts';

/** P5. Rows F01, F11, F12, F15 and F17 of the fault matrix. Transactions that were rolled back: apps/relay, truth. */
describePromise('P5: nothing is sent that was not accepted', {}, (world) => {
  it.each([51124])(
    'while half of what comes is signed by somebody else, answers get lost and the product is killed (seed %d)',
    async (seed) => {
      const troubles = [wayFromCrm];
      const result = await run(world(), {
        seed,
        customers: 20,
        orders: 20,
        versions: 4,
        refused: 0.5,
        troubles,
        kills: 1,
      });
      expectNothingWrong(result);
      expect(result.history.events.filter(({ answer }) => answer === 'refused').length).toBeGreaterThan(30);
    },
    PATIENCE_MS,
  );

  it(
    'of everything that can be refused at the door nothing leaves, and the first of two contents of one event stands',
    async () => {
      const { hooks, secret, url, sandbox } = world();
      const forged: Version = { entity: 'customer', id: 'forged', version: 1 };
      const body = JSON.stringify({ type: 'customer.updated', data: dataOf(forged) });
      const now = Date.now();
      const post = (hook: string, id: string, text: string, at: number, signed = text): Promise<number> =>
        fetch(`${hooks}/${hook}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(Math.floor(at / 1000)),
            'webhook-signature': new Webhook(secret).sign(id, new Date(at), signed),
          },
          body: text,
        }).then(({ status: code }) => code);
      expect(await post('acme-crm', 'stale', body, now - 400_000)).toBe(401);
      expect(await post('acme-crm', 'early', body, now + 400_000)).toBe(401);
      expect(await post('acme-crm', 'other', body, now, `${body} `)).toBe(401);
      expect(await post('nobody', 'unknown', body, now)).toBe(404);
      expect(await post('acme-crm', 'twice', body.replace('{', '{"type":"customer.updated",'), now)).toBe(400);
      expect(await post('acme-crm', 'large', `${body}${' '.repeat(1_100_000)}`, now).catch(() => 413)).toBe(413);

      const version: Version = { entity: 'customer', id: 'first', version: 1 };
      const event = { id: 'conflict', type: 'customer.updated', data: dataOf(version) };
      expect((await sendSigned(`${hooks}/acme-crm`, secret, event)).status).toBe(202);
      const answers = await Promise.all(
        Array.from({ length: 50 }, () =>
          sendSigned(`${hooks}/acme-crm`, secret, event).then((answer) => answer.status),
        ),
      );
      expect(new Set(answers)).toEqual(new Set([200]));
      const other = { ...event, data: dataOf({ ...version, version: 2 }) };
      expect((await sendSigned(`${hooks}/acme-crm`, secret, other)).status).toBe(409);

      await until(
        () => bodiesOf(world(), keyOf(version)),
        (bodies) => bodies.length > 0,
        { within: 60_000, what: 'the first content is there' },
      );
      await until(() => status(url), atRest(), { within: 60_000, what: 'all is at rest' });
      const bodies = await bodiesOf(world(), keyOf(version));
      expect(bodies).toHaveLength(1);
      expect(bodies[0]).toContain('Nordlicht first v1');
      expect(await effects(sandbox, `?key=${keyOf(forged)}`)).toEqual([]);
    },
    PATIENCE_MS,
  );
});

const bodiesOf = async ({ sandbox }: World, key: string): Promise<string[]> =>
  (await effects<{ body: string }>(sandbox, `?bodies=true&key=${key}`)).map(({ body }) => body);
