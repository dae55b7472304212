import { expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { sendSigned } from '../support/crm.ts';
import { sendJson, until } from '../support/product.ts';
import { settled, status, sum, timeline, type Status } from '../support/records.ts';
import { effects } from '../support/witness.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { dataOf, keyOf, webhookIdOf, type Version } from './records.ts';
import type { World } from './world.ts';

const CUSTOMERS = 60;
/** Where the database is slow, the status page may be two seconds old. */
const STATUS_AGE_MS = 2_500;
const UNKNOWN = /^crossdock_delivery_unfinished\{[^}]*status="UNKNOWN"[^}]*\} (\d+)$/m;

/**
 * P6. Rows F43 and F52 of the fault matrix, invariants I5 and I10. In every other run here the checker holds each status,
 * each count and each answer against the witnesses (class LIE).
 */
describePromise('P6: what is reported is true', {}, (world) => {
  it(
    'says that all is well only when the targets have it all, and always accounts for what it accepted',
    async () => {
      const { sandbox, url } = world();
      await sendJson('PUT', `${sandbox}/faults`, [
        { match: { method: 'PUT' }, nth: 3, effect: 'apply-and-never-answer' },
        { match: { method: 'PUT' }, nth: 9, effect: 'garbage' },
        { match: { method: 'PUT' }, nth: 21, effect: 'reset-before' },
      ]);
      const acceptedAt: number[] = [];
      const sending = (async () => {
        for (let n = 0; n < CUSTOMERS; n++) {
          await send(world(), { entity: 'customer', id: `c${n}`, version: 1 });
          acceptedAt.push(performance.now());
          await wait(80);
        }
      })();
      let green = 0;
      const untrue: string[] = [];
      await until(
        async () => {
          const begun = performance.now();
          const before = acceptedAt.filter((at) => at < begun - STATUS_AGE_MS).length;
          const answer = await status(url);
          untrue.push(...untruths(answer, before));
          if (settled(answer) && before > 0) {
            green++;
            const there = new Set((await effects(sandbox, '?system=erp')).map(({ key }) => key));
            if (there.size < before) untrue.push(`all is well, and ${there.size} of ${before} are there`);
          }
          return settled(answer) && before === CUSTOMERS; // after the last one has shown up
        },
        (done) => done,
        { within: 60_000, what: 'all customers are there' },
      );
      await sending;
      expect(untrue).toEqual([]);
      expect(green).toBeGreaterThan(0);
      await sendJson('DELETE', `${sandbox}/faults`);
    },
    PATIENCE_MS,
  );

  it(
    'calls an outcome unknown until it is known, and says then how it was found out',
    async () => {
      const { sandbox, url, parts } = world();
      const order: Version = { entity: 'order', id: 'o1', version: 1, customerId: 'c1' };
      await sendJson('PUT', `${sandbox}/faults`, [
        { match: { system: 'erp', method: 'POST' }, times: 1, effect: 'apply-and-never-answer' },
        { match: { system: 'erp', method: 'GET', path: '^/sales-orders' }, effect: 'hang' }, // nobody can ask either
      ]);
      await send(world(), order);
      const seen = await until(
        () => status(url),
        ({ flows }) => flows.some(({ unfinished }) => unfinished['unknown']! > 0),
        { within: 60_000, what: 'the outcome is unknown' },
      );
      expect(settled(seen)).toBe(false);
      const metrics = (): Promise<string> =>
        fetch(`http://127.0.0.1:${parts[0]!.metricsPort}/metrics`).then((answer) => answer.text());
      await until(metrics, (text) => Number(UNKNOWN.exec(text)?.[1] ?? 0) === 1, {
        within: 60_000,
        what: 'the metric says so too',
      });
      expect(await effects(sandbox, `?system=erp&key=${keyOf(order)}`)).toHaveLength(1); // it had happened

      await sendJson('DELETE', `${sandbox}/faults`);
      await until(() => status(url), settled, { within: 60_000, what: 'it is found out' });
      const record = await timeline(url, 'order', 'acme-o1');
      const delivery = record.events.flatMap(({ deliveries }) => deliveries).find(({ flow }) => flow === 'orders')!;
      expect(delivery).toMatchObject({ status: 'DELIVERED', attempts: [{ n: 1, outcome: 'in-doubt' }] });
      await until(metrics, (text) => Number(UNKNOWN.exec(text)?.[1] ?? 0) === 0, {
        within: 60_000,
        what: 'the metric goes back',
      });
      expect(await effects(sandbox, `?system=erp&key=${keyOf(order)}`)).toHaveLength(1);
    },
    PATIENCE_MS,
  );
});

/** Whatever moves: what was answered 2xx is counted, and every count adds up. */
function untruths({ flows }: Status, accepted: number): string[] {
  return flows
    .filter(({ name }) => name === 'customers')
    .flatMap((flow) => [
      ...(flow.accepted < accepted ? [`${flow.accepted} accepted, and ${accepted} were answered`] : []),
      ...(flow.accepted === sum(flow.finished) + sum(flow.unfinished)
        ? []
        : [`does not add up: ${JSON.stringify(flow)}`]),
    ]);
}

async function send({ hooks, secret }: World, version: Version): Promise<void> {
  const event = { id: webhookIdOf(version), type: `${version.entity}.updated`, data: dataOf(version) };
  expect((await sendSigned(`${hooks}/acme-crm`, secret, event)).status).toBe(202);
}
