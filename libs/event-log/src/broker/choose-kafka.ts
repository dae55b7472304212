import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CrossdockError } from '#contracts';
import { answers } from './answers.ts';
import type { ChosenKafka } from './chosen-kafka.ts';
import { throughDocker } from './docker.ts';
import { startKafkaBroker } from './start-kafka-broker.ts';

export interface ChooseKafkaOptions {
  /** `KAFKA_BROKERS`; wins when there are any */
  kafkaBrokers?: readonly string[];
  /** where our own broker keeps its data */
  dataDir: string;
  /** where its jars are kept; default `kafka-jars` in `dataDir` */
  jarsDir?: string;
}

const OLDEST_JAVA = 17;

/**
 * A real Kafka for `--kafka`: the user's, else one in Docker if an engine answers, else one from Maven jars on Java 17 or
 * newer; else an error that names the three ways and why each is closed.
 */
export async function chooseKafka({ kafkaBrokers = [], dataDir, jarsDir }: ChooseKafkaOptions): Promise<ChosenKafka> {
  if (kafkaBrokers.length > 0) return { brokers: [...kafkaBrokers], how: 'KAFKA_BROKERS', stop: async () => {} };
  const docker = await throughDocker(dataDir);
  if (typeof docker !== 'string') return docker;
  const maven = await throughMaven(dataDir, jarsDir);
  if (typeof maven !== 'string') return maven;
  throw new CrossdockError(
    'CROSSDOCK_LOG_NO_KAFKA',
    [
      'there is no Kafka to use. Any of these three would do:',
      '  1. a cluster of yours: set KAFKA_BROKERS=host:port,...',
      `  2. a Docker engine that answers (${docker})`,
      `  3. Maven and Java ${OLDEST_JAVA} or newer on the PATH (${maven})`,
    ].join('\n'),
  );
}

async function throughMaven(dataDir: string, cache?: string): Promise<ChosenKafka | string> {
  const java = await answers('java', ['-version']);
  if (!java.ok) return 'java does not answer';
  const version = Number(/version "(?:1\.)?(\d+)/.exec(java.said)?.[1] ?? 0);
  if (version < OLDEST_JAVA) return `java is version ${version}`;
  if (!(await answers('mvn', ['--version'])).ok) return 'mvn does not answer';
  mkdirSync(dataDir, { recursive: true });
  const broker = await startKafkaBroker({ dir: join(dataDir, 'broker'), cache });
  return { brokers: broker.brokers, how: 'our own broker from Maven jars', stop: () => broker.stop() };
}
