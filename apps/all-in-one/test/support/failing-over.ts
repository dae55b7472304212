import { join } from 'node:path';
import { TcpProxy, freePort } from '#testing';
import { startCluster, startStandBy, waitForStandBy, type StandBy } from './cluster.ts';
import { dataFolder, spawnCommand, until } from './product.ts';
import { startRestoredWorld, type RestoredWorld } from './restored.ts';
import { addressOf, end } from './stages.ts';

/** A product whose database may be taken over by its stand-by. */
export interface FailingOver {
  standBy: StandBy;
  world: RestoredWorld;
  /** resolves when the promotion is noticed */
  failOver(): Promise<void>;
  accept(): Promise<void>;
}

/** A primary and its stand-by, and the product in front of whichever leads; with `kafka` the log is in neither. */
export async function startWithStandBy(
  cleanUp: (() => Promise<unknown> | void)[],
  { synchronous = false, kafka = false } = {},
): Promise<FailingOver> {
  const folder = dataFolder();
  cleanUp.push(() => folder.remove());
  const broker = kafka ? await startBroker(folder.path, cleanUp) : undefined;
  const primary = await startCluster(join(folder.path, 'primary'), await freePort());
  cleanUp.push(() => primary.stop());
  const standBy = await startStandBy(primary, join(folder.path, 'stand-by'), await freePort());
  cleanUp.push(() => standBy.stop());
  if (synchronous) await waitForStandBy(primary);
  const behind = { host: '127.0.0.1', port: Number(new URL(primary.url).port) };
  const proxy = await TcpProxy.open(behind);
  cleanUp.push(() => proxy.close());
  const url = new URL(primary.url);
  url.port = String(proxy.port);
  const world = await startRestoredWorld(url.href, folder.path, broker);
  cleanUp.push(() => world.close());

  const said = (word: string, pattern: RegExp, ...args: string[]): Promise<string> =>
    until(
      () => world.crossdock('restore', ...args),
      (text) => pattern.test(text),
      { within: 30_000, what: word },
    );
  return {
    standBy,
    world,
    failOver: async () => {
      await primary.crash();
      await standBy.promote();
      behind.port = Number(new URL(standBy.url).port);
      proxy.reset();
      await said('the promotion is noticed', /^doubted: .*promoted/);
    },
    accept: async () => void (await said('it is accepted', /^accepted/, 'accept')),
  };
}

async function startBroker(folder: string, cleanUp: (() => Promise<unknown> | void)[]): Promise<string> {
  const broker = spawnCommand(['run', 'kafka'], { CROSSDOCK_DATA: folder });
  cleanUp.push(() => end(broker, 'SIGTERM'));
  return addressOf(broker, 'KAFKA_BROKERS');
}
