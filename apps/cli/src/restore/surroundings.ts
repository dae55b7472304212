import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrossdockError, type Configuration, type EventLog, type Target } from '#contracts';
import { openTarget, targets as connectors } from '#connectors';
import { Database, embeddedAddress } from '#db';
import { openEventLog } from '#event-log';
import { loadConfiguration, readEnvironment, type Environment } from '#platform';

/** What `crossdock restore` works with: it speaks with database, log and targets itself, for the stages send nothing. */
export interface Surroundings {
  database: Database;
  /** undefined: the log is in the database and was restored with it */
  log: EventLog | undefined;
  configuration: Configuration;
  targets: ReadonlyMap<string, Target>;
  /** how long the stages get to take in what is left, ms; default a minute */
  takeInMs?: number;
  close(): Promise<void>;
}

/** DATABASE_URL, or the embedded PostgreSQL of CROSSDOCK_DATA while it runs. */
export async function openSurroundings(): Promise<Surroundings> {
  const environment = readEnvironment();
  const configuration = loadConfiguration(environment);
  const database = await openDatabase(environment);
  const { kafka } = environment;
  const sasl = kafka?.sasl && { ...kafka.sasl, password: kafka.sasl.password.reveal() };
  const log = kafka && (await openEventLog({ kafka: { ...kafka, sasl } }));
  const targets = openTargets(configuration, environment);
  return {
    database,
    log,
    configuration,
    targets,
    close: async () => {
      for (const target of targets.values()) await target.close();
      await log?.close();
      await database.close();
    },
  };
}

export function openDatabase(environment: Environment = readEnvironment()): Promise<Database> {
  const url = environment.databaseUrl ?? embedded(environment);
  return Database.open({ url, name: 'command line', max: 4 });
}

function embedded({ data }: Environment): string {
  const pointer = join(data, 'postgres-is-at');
  const home = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(data, 'postgres');
  const address = embeddedAddress(home);
  if (address === undefined)
    throw new CrossdockError('CROSSDOCK_START_DATABASE', `DATABASE_URL is not set and ${data} holds no PostgreSQL`);
  return address;
}

function openTargets(configuration: Configuration, environment: Environment): ReadonlyMap<string, Target> {
  const opened = new Map<string, Target>();
  const sandbox = (path: string): string => `http://127.0.0.1:${environment.sandboxPort}${path}`;
  for (const connection of configuration.connections.values())
    if (connection.side === 'target' && connectors.has(connection.connector))
      opened.set(connection.name, openTarget(connection, { sandbox }));
  return opened;
}
