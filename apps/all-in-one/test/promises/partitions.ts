import { setTimeout as wait } from 'node:timers/promises';
import { addPartitions, countPartitions, deleteTopic } from '#event-log';
import { until } from '../support/product.ts';
import type { Part } from '../support/part.ts';
import type { Trouble } from './trouble.ts';

const TOPIC = 'crm.order.v1';
const WITHIN_MS = 120_000;

/**
 * Somebody adds partitions to the topic of orders under traffic: what runs goes on and tells it, nothing starts, and the procedure of
 * docs/guides/operate.md puts it right. Only where the log is on Kafka and each stage a process.
 */
export const partitionsChanged: Trouble = {
  name: 'partitions added to a topic',
  rows: 'F41',
  async meanwhile({ parts, kafka, url, command }) {
    const named = (...names: string[]): Part[] => parts.filter(({ name }) => names.includes(name));
    const brokers = [kafka!.brokers];
    await wait(2_000);
    const count = await countPartitions(brokers, TOPIC);
    await addPartitions(brokers, TOPIC, count + 2);
    await until(
      () => largest(parts, /^crossdock_log_problems_total\{.*kind="partitions-changed".*\} (\d+)/gm),
      (problems) => problems !== undefined && problems > 0,
      { within: WITHIN_MS, what: 'a process tells that the partitions have changed' },
    );
    const [mapper] = named('mapper');
    await mapper!.stop();
    mapper!.startToDie({});
    await until(
      () => Promise.resolve(mapper!.ended),
      (ended) => ended,
      { within: WITHIN_MS, what: 'a mapper does not start' },
    );
    if (!mapper!.output.includes('partitions is')) throw new Error(`it ended for: ${mapper!.output}`);

    // 1: its writers
    for (const part of named('relay')) await part.stop();
    // 2: its readers
    await until(
      () =>
        largest(
          named('mapper').slice(1),
          new RegExp(`^crossdock_log_consumer_lag\\{.*topic="${TOPIC}".*\\} (\\d+)`, 'gm'),
        ),
      (lag) => lag === 0,
      { within: WITHIN_MS, what: `everything in ${TOPIC} is read` },
    );
    // 3
    const stopped = named('mapper', 'delivery');
    for (const part of stopped.slice(1)) await part.stop();
    await deleteTopic(brokers, TOPIC);
    for (const part of named('relay').concat(stopped)) await part.start();
    const after = await countPartitions(brokers, TOPIC);
    if (after !== count) throw new Error(`${TOPIC} has ${after} partitions`);
    // 4
    const refilled = await command(['refill', '--group', 'mapper', '--topic', TOPIC, '--url', url]);
    return [`${count + 2} partitions for ${count}`, `refill: ${refilled}`];
  },
};

/** The largest value that any of these processes shows for a metric; undefined: none shows it. */
async function largest(parts: readonly Part[], pattern: RegExp): Promise<number | undefined> {
  const texts = await Promise.all(
    parts.map(({ metricsPort }) =>
      fetch(`http://127.0.0.1:${metricsPort}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      ),
    ),
  );
  const values = texts.flatMap((text) => [...text.matchAll(pattern)].map(([, value]) => Number(value)));
  return values.length === 0 ? undefined : Math.max(...values);
}
