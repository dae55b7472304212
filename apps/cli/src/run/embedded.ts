import { join } from 'node:path';
import { startEmbeddedPostgres } from '#db';
import { chooseKafka } from '#event-log';
import { packageRoot, readEnvironment } from '#platform';
import { EXIT, type Io } from '../io.ts';
import { lockData } from './data-lock.ts';
import { stopInOrder, stopSignal } from './until-stopped.ts';

/** `crossdock run postgres`: the embedded server alone, for development. */
export async function runPostgres(io: Io): Promise<number> {
  const environment = readEnvironment();
  const lock = lockData(environment.data);
  const stopped = stopSignal();
  const server = await startEmbeddedPostgres({ dataDir: environment.data, port: environment.postgresPort });
  io.out(`DATABASE_URL=${server.url}`);
  await stopped;
  await stopInOrder([() => server.stop(), () => lock.release()]);
  return EXIT.ok;
}

/** `crossdock run kafka`: a real broker alone, for development. */
export async function runKafka(io: Io): Promise<number> {
  const environment = readEnvironment();
  const data = join(environment.data, 'kafka-alone');
  const lock = lockData(data);
  const stopped = stopSignal();
  const broker = await chooseKafka({ kafkaBrokers: environment.kafka?.brokers, dataDir: data, jarsDir: kafkaJars() });
  io.out(`KAFKA_BROKERS=${broker.brokers.join(',')}`);
  await stopped;
  await stopInOrder([() => broker.stop(), () => lock.release()]);
  return EXIT.ok;
}

/** The broker's jars (44 MB) are fetched once per checkout, not once per data folder. */
export const kafkaJars = (): string => join(packageRoot(), '.crossdock', 'kafka-jars');
