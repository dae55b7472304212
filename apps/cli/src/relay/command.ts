import { changeShards, countShards } from '#outbox';
import { EXIT, type Command } from '../io.ts';
import { openDatabase } from '../restore/surroundings.ts';

const USAGE = 'usage: crossdock relay shards [n]';

/** How many relays share the outbox. Changing it is refused while one leads: docs/guides/operate.md. */
export const relay: Command = {
  name: 'relay',
  usage: 'shards [n]',
  summary: 'how many relays share the outbox; change it while they are stopped',
  run: async (args, io) => {
    const [word, wanted, ...more] = args;
    if (word !== 'shards' || more.length > 0 || (wanted !== undefined && !/^\d{1,3}$/.test(wanted))) {
      io.err(USAGE);
      return EXIT.usage;
    }
    const database = await openDatabase();
    try {
      if (wanted !== undefined) await changeShards(database, Number(wanted));
      const shards = await countShards(database);
      io.out(shards === 1 ? 'one relay publishes all' : `${shards} relays share the outbox by record key`);
      return EXIT.ok;
    } finally {
      await database.close();
    }
  },
};
