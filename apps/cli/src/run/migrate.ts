import { CrossdockError } from '#contracts';
import { migrate } from '#db';
import { readEnvironment } from '#platform';
import { EXIT, type Command } from '../io.ts';

export const migrateCommand: Command = {
  name: 'migrate',
  usage: '',
  summary: 'bring the database (DATABASE_URL) up to date',
  run: async (_args, io) => {
    const { databaseUrl } = readEnvironment();
    if (databaseUrl === undefined)
      throw new CrossdockError('CROSSDOCK_START_DATABASE', 'DATABASE_URL is not set: there is nothing to migrate');
    const ran = await migrate(databaseUrl, (message) => io.err(message));
    io.out(ran.length === 0 ? 'the database is up to date' : `ran ${ran.join(', ')}`);
    return EXIT.ok;
  },
};
