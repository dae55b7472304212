import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrossdockError } from '#contracts';
import { migrate, removeEmbeddedPostgres, startEmbeddedPostgres } from '#db';
import { chooseKafka } from '#event-log';
import { configureLogging, openRuntime, readEnvironment, type Environment } from '#platform';
import { checkProject } from '../check/project.ts';
import { EXIT, type Io } from '../io.ts';
import { lockData } from './data-lock.ts';
import { kafkaJars } from './embedded.ts';
import { startSandbox } from './sandbox-process.ts';
import { STAGES } from './stages.ts';
import { stopInOrder, stopSignal } from './until-stopped.ts';

export interface AllInOneOptions {
  /** start empty */
  fresh: boolean;
  /** the event log on a real Kafka broker */
  kafka: boolean;
}

/**
 * The whole product in one process, with an embedded PostgreSQL unless DATABASE_URL is set and the sandbox beside it where
 * it is on. Everything that was started is stopped in the opposite order.
 */
export async function runAllInOne(options: AllInOneOptions, io: Io): Promise<number> {
  const environment = { ...readEnvironment() };
  const state = stateFolder(environment, options.kafka);
  configureLogging(environment);
  await checkProject(environment);
  const stopped = stopSignal();
  const undo: (() => Promise<void> | void)[] = [];
  let lost: Promise<'lost'> = new Promise(() => {});
  let code: number = EXIT.ok;
  try {
    const lock = lockData(state);
    undo.unshift(() => lock.release());
    if (options.fresh) await startEmpty(environment, state);
    rememberLog(environment, state, options);
    if (environment.databaseUrl === undefined) {
      const server = await startEmbeddedPostgres({ dataDir: state, port: environment.postgresPort });
      undo.unshift(() => server.stop());
      environment.databaseUrl = server.url;
      lost = server.ended.then(() => 'lost');
    }
    await migrate(environment.databaseUrl);
    if (options.kafka) {
      const broker = await chooseKafka({
        kafkaBrokers: environment.kafka?.brokers,
        dataDir: join(state, 'kafka'),
        jarsDir: kafkaJars(),
      });
      undo.unshift(() => broker.stop());
      environment.kafka ??= { brokers: [...broker.brokers], ssl: false };
    }
    if (environment.sandbox) {
      const sandbox = await startSandbox({ ...environment, data: state }, environment.databaseUrl);
      if (typeof sandbox === 'number') return sandbox;
      undo.unshift(() => sandbox.stop());
    }
    const start = await STAGES['all-in-one']();
    const app = await Promise.race([start(openRuntime(environment)), stopped]); // a start may wait for another server
    if (app) {
      undo.unshift(() => app.close());
      greet(environment, app.url ?? '', app.metricsUrl, io);
      if ((await Promise.race([stopped, lost])) === 'lost') {
        io.err('crossdock: the embedded PostgreSQL has ended; what was accepted is kept, start again to go on');
        code = EXIT.failed;
        undo.shift(); // the stages: without a database they have nothing to put in order
      }
    }
  } finally {
    await stopInOrder(undo);
  }
  process.exit(code);
}

/**
 * Where databases and logs are kept: each kind of log has its own default folder, because what one log holds the other does
 * not. Generated secrets are the same in both.
 */
function stateFolder(environment: Environment, kafka: boolean): string {
  const chosen = environment.variable('CROSSDOCK_DATA') !== undefined;
  return chosen || !kafka ? environment.data : join(environment.data, 'on-kafka');
}

/** A data folder belongs to one event log: the relay's cursor speaks of what that log has been given. */
function rememberLog(environment: Environment, state: string, options: AllInOneOptions): void {
  const file = join(state, 'event-log');
  const mine = options.kafka || environment.kafka !== undefined ? 'kafka' : 'postgres';
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : mine;
  if (kept !== mine)
    throw new CrossdockError(
      'CROSSDOCK_START_LOG_CHANGED',
      `${state} was started with the event log on ${kept}, not ${mine}: set CROSSDOCK_DATA to another folder, or start empty with --fresh`,
    );
  writeFileSync(file, mine + '\n');
}

async function startEmpty(environment: Environment, state: string): Promise<void> {
  if (environment.databaseUrl !== undefined)
    throw new CrossdockError(
      'CROSSDOCK_START_FRESH',
      '--fresh empties the embedded database only; DATABASE_URL is set: empty that database yourself',
    );
  await removeEmbeddedPostgres(state);
  for (const name of ['kafka', 'sandbox', 'event-log']) rmSync(join(state, name), { recursive: true, force: true });
}

function greet(environment: Environment, url: string, metricsUrl: string, io: Io): void {
  const sandbox = `http://127.0.0.1:${environment.sandboxPort}`;
  io.out(`Crossdock is ready: ${url}/api/v1/status   metrics: ${metricsUrl}/metrics   stop: Ctrl-C`);
  // a broker of our own takes free ports: who wants to read the topics has to be told
  const registry = environment.schemaRegistryUrl === undefined ? `   schema registry: ${url}` : '';
  if (environment.kafka) io.out(`Kafka: ${environment.kafka.brokers.join(',')}${registry}`);
  if (!environment.sandbox) return;
  io.out(`The sandbox CRM, ERP and finance system: ${sandbox}

Three things to try (in another terminal):
  1. Win a deal in the CRM:        curl -X POST ${sandbox}/crm/generate -H 'content-type: application/json' -d '{"orders": 1}'
  2. Follow it to the ERP:         npm run -s crossdock -- status
  3. Break the ERP and watch it:   curl -X PUT ${sandbox}/faults -H 'content-type: application/json' \\
                                     -d '[{"match": {"system": "erp"}, "effect": "down"}]'
     see what waits:               npm run -s crossdock -- failures
     and mend the ERP:             curl -X DELETE ${sandbox}/faults`);
}
