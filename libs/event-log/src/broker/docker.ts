import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { answers } from './answers.ts';
import type { ChosenKafka } from './chosen-kafka.ts';
import { freePorts } from './ports.ts';
import { kafkaUuid } from './start-kafka-broker.ts';

const IMAGE = 'apache/kafka:4.3.1';
const DATA = '/var/lib/kafka/data';

/**
 * A broker in a container, if a Docker engine answers; a text says why not. Its data stand in `dataDir`, outside the
 * container, because the relay's cursor would otherwise be ahead of an empty log after a restart.
 */
export async function throughDocker(dataDir: string): Promise<ChosenKafka | string> {
  if (!(await answers('docker', ['info', '--format', '{{.ServerVersion}}'])).ok) return 'docker info does not answer';
  try {
    const { GenericContainer, Wait } = await import('testcontainers');
    const dir = resolve(dataDir, 'docker');
    const { id, port } = await knownContainer(dir);
    const container = await new GenericContainer(IMAGE)
      .withExposedPorts({ container: 9092, host: port })
      .withBindMounts([{ source: join(dir, 'data'), target: DATA, mode: 'rw' }])
      .withEnvironment({
        CLUSTER_ID: id,
        KAFKA_NODE_ID: '1',
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
        KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
        KAFKA_LOG_DIRS: DATA,
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
        KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
        KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
      })
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
      .start();
    return {
      brokers: [`127.0.0.1:${port}`],
      how: `Docker, ${IMAGE}`,
      stop: async () => void (await container.stop({ timeout: 15_000 })),
    };
  } catch (error) {
    return `testcontainers could not start ${IMAGE}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Cluster id and port stay the same over restarts. The image runs as a user of its own, who has to write the data. */
async function knownContainer(dir: string): Promise<{ id: string; port: number }> {
  const file = join(dir, 'container.json');
  mkdirSync(join(dir, 'data'), { recursive: true });
  chmodSync(join(dir, 'data'), 0o777);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as { id: string; port: number };
  const [port] = await freePorts(1);
  const known = { id: kafkaUuid(), port: port! };
  writeFileSync(file, JSON.stringify(known));
  return known;
}
