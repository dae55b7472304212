import pg from 'pg';
import { endClient } from './end-client.ts';

/** ms between the end of a connection, or a try that failed, and the next try */
const AGAIN_MS = 250;

/**
 * One connection that listens, and one try at a time to have it again: pg reports a connection that could not be opened
 * twice, as an error of `connect` and as its end, and whoever acts on both doubles its connections with every try.
 */
export async function listen(
  config: pg.ClientConfig,
  channel: string,
  heard: (payload: string | undefined) => void,
): Promise<() => Promise<void>> {
  let stopped = false;
  let open: Open | undefined = await connect(config, channel, heard);
  const keepOpen = async (): Promise<void> => {
    while (!stopped) {
      await open?.ended;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
      if (stopped) return;
      open = await connect(config, channel, heard).catch(() => undefined);
    }
    await open?.end();
  };
  void keepOpen();
  return async () => {
    stopped = true;
    await open?.end();
  };
}

interface Open {
  ended: Promise<void>;
  end(): Promise<void>;
}

async function connect(
  config: pg.ClientConfig,
  channel: string,
  heard: (payload: string | undefined) => void,
): Promise<Open> {
  const client = new pg.Client(config);
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  const end = (): Promise<void> => endClient(client);
  client.on('notification', (message) => heard(message.payload));
  client.on('error', () => {}); // its end follows
  try {
    await client.connect();
    await client.query(`listen ${pg.escapeIdentifier(channel)}`);
  } catch (error) {
    void end();
    throw error;
  }
  heard(undefined);
  return { ended, end };
}
