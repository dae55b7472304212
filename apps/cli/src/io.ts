/** Where a command writes, handed in so that tests can read it. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
}

export const PROCESS_IO: Io = {
  out: (text) => void process.stdout.write(text + '\n'),
  err: (text) => void process.stderr.write(text + '\n'),
};

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2, partly: 3 } as const;

export interface Command {
  name: string;
  /** after `crossdock <name>` */
  usage: string;
  summary: string;
  /** resolves with the exit code */
  run(args: readonly string[], io: Io): Promise<number>;
}
