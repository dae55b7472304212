import { pino, type Logger as PinoLogger } from 'pino';
import type { Environment } from './environment.ts';

export type Logger = PinoLogger;

const root: PinoLogger = pino({ level: 'warn', base: null }, pino.destination({ dest: 2, sync: true }));

/** Sets the level once at start. One line of JSON per surprise on standard error; normal operation is silent. */
export function configureLogging(environment: Pick<Environment, 'logLevel'>): void {
  root.level = environment.logLevel;
}

/** A logger that names its room. Never give it a payload or a secret: ids, counts and codes only. */
export function logger(room: string): Logger {
  return root.child({ room });
}
