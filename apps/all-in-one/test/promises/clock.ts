import { existsSync, writeFileSync } from 'node:fs';

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu', 'faketime', '.'].map(
  (folder) => `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`,
);

/** libfaketime, which tells a process as it is another time; undefined: it is not installed. */
export const clockLibrary = (): string | undefined => LIBRARIES.find((file) => existsSync(file));

/** The wall clock of one process, which can be set while it runs. The monotonic one goes on, as on a real machine. */
export class Clock {
  readonly #file: string;

  /** `file` is where the process looks, every second, how far off its clock is. */
  constructor(file: string) {
    this.#file = file;
    this.set(0);
  }

  /** From the next second on; `seconds` ahead of the true time. */
  set(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? '' : '+'}${seconds}\n`, { mode: 0o644 });
  }

  /** What the process is started with. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: clockLibrary()!,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }
}
