import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from '@jest/globals';
import { KafkaEventLog } from '../kafka/kafka-event-log.ts';
import { chooseKafka } from './choose-kafka.ts';
import { startKafkaBroker } from './start-kafka-broker.ts';

const cache = join(process.cwd(), '.crossdock', 'kafka-jars');
const dir = mkdtempSync(join(tmpdir(), 'crossdock-broker-'));
const topic = {
  name: 'kept.v1',
  partitions: 1,
  retentionMs: 3_600_000,
  maxMessageBytes: 10_000,
  writer: 'relay',
  key: '',
  value: '',
} as const;

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('our own Kafka broker', () => {
  it('ends the one that a killed run left behind and comes back with its address and data', async () => {
    const script = join(dir, 'run.ts');
    const module = new URL('./start-kafka-broker.ts', import.meta.url).href;
    const options = { dir: join(dir, 'broker'), heap: '256m', cache };
    writeFileSync(
      script,
      `import { startKafkaBroker } from '${module}';
       const broker = await startKafkaBroker(${JSON.stringify(options)});
       process.stdout.write(JSON.stringify({ brokers: broker.brokers, pid: broker.pid(1) }) + '\\n');`,
    );
    const run = spawn(process.execPath, ['--conditions=source', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: run.stdout }), 'line')) as [string];
    const first = JSON.parse(line) as { brokers: string[]; pid: number };
    const log = new KafkaEventLog({ brokers: first.brokers });
    await log.ensureTopics([topic]);
    await log.append([{ topic: topic.name, key: 'k', value: Buffer.from('kept'), headers: {} }]);
    const ended = once(run, 'exit');
    run.kill('SIGKILL');
    await ended;
    expect(alive(first.pid)).toBe(true);

    const again = await startKafkaBroker(options);
    expect(alive(first.pid)).toBe(false);
    expect(again.brokers).toEqual(first.brokers);
    expect((await log.lag('nobody', [topic.name]))[0]).toMatchObject({ end: 1n, lag: 1n });
    await log.close();
    const pid = again.pid(1)!;
    await again.stop();
    expect(alive(pid)).toBe(false);
  }, 120_000);

  it('is not started where the user has a cluster', async () => {
    const chosen = await chooseKafka({ kafkaBrokers: ['kafka-1:9092'], dataDir: join(dir, 'unused') });
    expect(chosen).toMatchObject({ brokers: ['kafka-1:9092'], how: 'KAFKA_BROKERS' });
    await chosen.stop();
  });

  it('is not to be had where there is neither Docker nor Java, and the error names the three ways', async () => {
    const script = join(dir, 'choose.ts');
    const module = new URL('./choose-kafka.ts', import.meta.url).href;
    writeFileSync(
      script,
      `import { chooseKafka } from '${module}';
       await chooseKafka({ dataDir: '${dir}' }).catch((error) => process.stdout.write(error.code + error.message));`,
    );
    const run = spawn(process.execPath, ['--conditions=source', script], {
      env: { PATH: dir },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    run.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
    await once(run, 'close');
    expect(said).toMatch(/CROSSDOCK_LOG_NO_KAFKA[\s\S]*KAFKA_BROKERS[\s\S]*Docker[\s\S]*Maven and Java 17/);
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
