import { CrossdockError, nearest } from '#contracts';
import { needsMigration } from '#db';
import { configureLogging, openRuntime, readEnvironment, type Environment } from '#platform';
import { checkProject } from '../check/project.ts';
import { EXIT, type Command, type Io } from '../io.ts';
import { runAllInOne } from './all-in-one.ts';
import { runKafka, runPostgres } from './embedded.ts';
import { STAGES, type Stage } from './stages.ts';
import { stopInOrder, stopSignal } from './until-stopped.ts';

const SERVERS = ['postgres', 'kafka'];

export const run: Command = {
  name: 'run',
  usage: '<app> [--fresh] [--kafka]',
  summary: `start one of ${[...Object.keys(STAGES), ...SERVERS].join(', ')}`,
  run: async (args, io) => {
    const flags = new Set(args.filter((arg) => arg.startsWith('--')));
    const [app, ...more] = args.filter((arg) => !arg.startsWith('--'));
    const names = [...Object.keys(STAGES), ...SERVERS];
    if (app === undefined || more.length > 0 || !names.includes(app))
      return usage(io, app === undefined ? 'say what to run' : `there is no "${app}"`, nearest(app ?? '', names));
    const allowed = app === 'all-in-one' ? ['--fresh', '--kafka'] : [];
    for (const flag of flags) if (!allowed.includes(flag)) return usage(io, `${app} knows no ${flag}`, undefined);
    if (app === 'postgres') return runPostgres(io);
    if (app === 'kafka') return runKafka(io);
    if (app === 'all-in-one') return runAllInOne({ fresh: flags.has('--fresh'), kafka: flags.has('--kafka') }, io);
    return runStage(app as Stage);
  },
};

function usage(io: Io, problem: string, near: string | undefined): number {
  io.err(`crossdock run: ${problem}${near ? ` (did you mean "${near}"?)` : ''}; usage: crossdock run ${run.usage}`);
  return EXIT.usage;
}

/** One stage alone: everything is checked before anything runs. */
async function runStage(stage: Stage): Promise<number> {
  const environment = stage === 'sandbox' ? withoutSecrets(readEnvironment()) : readEnvironment();
  configureLogging(environment);
  if (environment.databaseUrl === undefined && stage !== 'mapper')
    throw new CrossdockError('CROSSDOCK_START_DATABASE', `${stage} needs DATABASE_URL`);
  if (environment.databaseUrl === undefined && environment.kafka === undefined)
    throw new CrossdockError(
      'CROSSDOCK_START_LOG',
      `${stage} needs KAFKA_BROKERS, or DATABASE_URL for the log in PostgreSQL`,
    );
  if (stage !== 'sandbox') await checkProject(environment);
  if (environment.databaseUrl !== undefined && (await needsMigration(environment.databaseUrl)))
    throw new CrossdockError(
      'CROSSDOCK_START_MIGRATE',
      `the tables of DATABASE_URL are older than this version of ${stage}: run crossdock migrate first`,
    );
  const start = await STAGES[stage]();
  const stopped = stopSignal();
  const app = await Promise.race([start(openRuntime(environment)), stopped]); // a start may wait for another server
  if (app) {
    process.send?.({ ready: true });
    await stopped;
    await stopInOrder([() => app.close()]);
  }
  process.exit(EXIT.ok);
}

/**
 * The sandbox stands for systems of other people: it has no use for our secrets, is not given them by all-in-one, and must
 * not end because one is missing. Of the configuration it reads the tenant and the connections' names.
 */
const withoutSecrets = (environment: Environment): Environment => ({ ...environment, variable: () => 'withheld' });
