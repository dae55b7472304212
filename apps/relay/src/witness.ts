import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventLog, StoredRecord, TopicDeclaration } from '#contracts';
import type { Mark } from '#db';
import { readToEnd } from '#event-log';

/** Where the newest mark of a database is kept outside it. */
export interface Witness {
  /** of the database `id`, null while it has none; may know of another one */
  newest(id: string | null): Promise<Mark | undefined>;
  write(mark: Mark): Promise<void>;
}

/** A file per database under CROSSDOCK_DATA. It must not be restored together with the database. */
export function fileWitness(data: string): Witness {
  const folder = join(data, 'history');
  return {
    newest: async (id) => {
      if (id === null) return undefined;
      const text = await readFile(join(folder, `${id}.json`), 'utf8').catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      });
      return text === undefined ? undefined : read(text);
    },
    write: async (mark) => {
      await mkdir(folder, { recursive: true });
      const file = join(folder, `${mark.id}.json`);
      const part = `${file}.${process.pid}`;
      await writeFile(part, text(mark));
      await rename(part, file);
    },
  };
}

/** One partition, so that there is a newest record; as long as events are kept. */
export const HISTORY_TOPIC: TopicDeclaration = {
  name: 'crossdock.history.v1',
  partitions: 1,
  retentionMs: 28 * 86_400_000,
  maxMessageBytes: 1024 * 1024,
  writer: 'relay',
  key: 'database id',
  value: 'JSON mark',
};
/** Marks are made every second; the log gets one in so many ms. */
const EVERY_MS = 30_000;

/** The log itself, where it is not in the database too. Read once, at the start of a process: from then on it remembers. */
export function logWitness(log: EventLog): Witness {
  let writtenAt = -Infinity;
  let known: Promise<Mark | undefined> | undefined;
  return {
    newest: () => {
      known ??= newestOf(log).catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
    write: async (mark) => {
      if (performance.now() - writtenAt < EVERY_MS) return;
      await log.append([
        {
          topic: HISTORY_TOPIC.name,
          key: mark.id,
          value: Buffer.from(text(mark)),
          headers: { 'content-type': 'application/json' },
        },
      ]);
      writtenAt = performance.now();
      known = Promise.resolve(mark);
    },
  };
}

async function newestOf(log: EventLog): Promise<Mark | undefined> {
  let last: StoredRecord | undefined;
  await readToEnd(log, [HISTORY_TOPIC.name], (records) => {
    last = records.at(-1);
  });
  return last?.value ? read(last.value.toString()) : undefined;
}

const text = (mark: Mark): string => JSON.stringify({ ...mark, mark: String(mark.mark) });

/** Undefined for what a crash cut short. */
function read(stored: string): Mark | undefined {
  try {
    const { id, generation, mark, at } = JSON.parse(stored) as Record<keyof Mark, string | number>;
    return { id: String(id), generation: Number(generation), mark: BigInt(mark), at: new Date(at) };
  } catch {
    return undefined;
  }
}
