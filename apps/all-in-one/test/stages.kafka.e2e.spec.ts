import { afterEach, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { freePort } from '#testing';
import { dataFolder, sendJson, spawnCommand, collect, until } from './support/product.ts';
import { delivered, settled, status } from './support/records.ts';
import { addressOf, end, startStage, type StageProcess } from './support/stages.ts';
import { createdTwice, effects } from './support/witness.ts';

const ORDERS = 400;

describe('the stages as separate processes on Kafka', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('two of relay, mapper and delivery, one of each killed on the way: every order once', async () => {
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const postgres = spawnCommand(['run', 'postgres'], { CROSSDOCK_DATA: folder.path });
    cleanUp.push(() => end(postgres, 'SIGTERM'));
    const kafka = spawnCommand(['run', 'kafka'], { CROSSDOCK_DATA: folder.path });
    cleanUp.push(() => end(kafka, 'SIGTERM'));
    const [database, brokers] = await Promise.all([
      addressOf(postgres, 'DATABASE_URL'),
      addressOf(kafka, 'KAFKA_BROKERS'),
    ]);
    const env = {
      DATABASE_URL: database,
      KAFKA_BROKERS: brokers,
      CROSSDOCK_DATA: folder.path,
      CROSSDOCK_SANDBOX_PORT: String(await freePort()),
    };
    await end(await finished(spawnCommand(['migrate'], env)), 'SIGTERM');
    const start = async (name: string): Promise<StageProcess> => {
      const stage = await startStage(name, env);
      cleanUp.push(() => stage.stop());
      return stage;
    };

    const sandbox = `http://127.0.0.1:${env.CROSSDOCK_SANDBOX_PORT}`;
    await start('sandbox');
    const console_ = await start('console');
    const capture = await start('capture');
    const doomed: StageProcess[] = [];
    for (const name of ['relay', 'mapper', 'delivery']) {
      doomed.push(await start(name));
      await start(name);
    }

    for (const stage of [capture, console_, ...doomed]) await showsItself(stage);

    const generating = sendJson('POST', `${sandbox}/crm/generate`, { orders: ORDERS, seed: 'stages' });
    for (const [index, stage] of doomed.entries()) {
      await until(
        () => effects(sandbox, '?system=finance'),
        (done) => done.length > ((index + 1) * ORDERS) / 8,
        { within: 120_000, what: `orders arrive before ${stage.name} is killed` },
      );
      await stage.kill();
    }
    await generating;
    const last = await until(
      () => status(console_.url),
      (answer) => settled(answer) && delivered(answer, 'order-postings') === ORDERS,
      { within: 400_000, what: 'everything arrives' },
    );
    expect(last.flows.map((flow) => flow.difference)).toEqual(last.flows.map(() => 0));
    const done = await effects(sandbox);
    expect(createdTwice(done)).toEqual([]);
    expect(done.filter((effect) => effect.document === 'salesOrder' && effect.operation === 'create')).toHaveLength(
      ORDERS,
    );
    expect(done.filter((effect) => effect.document === 'journalEntry')).toHaveLength(ORDERS);
  }, 600_000);
});

/** What the alert on a stage that is gone goes by, and the one on the database: shown by that stage, and by no other. */
async function showsItself({ name, metrics }: StageProcess): Promise<void> {
  const rules = readFileSync(join(packageRoot(), 'k8s/monitoring/alerts.yml'), 'utf8');
  const absent = [...rules.matchAll(/absent\((\w+)(?:\{(.+?)\})?\), "stage", "(\w+)"/g)];
  const signs = absent.map(([, metric, label, stage]) => ({ stage: stage!, metric: metric!, label: label ?? '' }));
  expect(signs).toHaveLength(5);
  signs.push({ stage: 'relay', metric: 'crossdock_database_trusted', label: '' });
  const wanted = signs.filter(({ stage }) => stage === name);
  const shown = await until(
    async () => {
      const lines = (await (await fetch(`${metrics}/metrics`)).text()).split('\n');
      return signs.filter(({ metric, label }) =>
        lines.some((line) => new RegExp(`^${metric}[{ ]`).test(line) && line.includes(label)),
      );
    },
    ({ length }) => length >= wanted.length,
    { within: 20_000, what: `${name} shows its metrics` },
  );
  expect(shown).toEqual(wanted);
}

async function finished(child: ReturnType<typeof spawnCommand>): Promise<ReturnType<typeof spawnCommand>> {
  const output = collect(child);
  await until(
    () => Promise.resolve(child.exitCode),
    (code) => code !== null,
    { within: 60_000, what: 'migrate ends' },
  );
  expect(`${child.exitCode} ${output()}`).toMatch(/^0 /);
  return child;
}
