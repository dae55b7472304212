export * from './decode-batch.ts';
export { DEAD_LETTER_HEADERS } from './dead-letter.ts';
export { partitionOf } from './partition.ts';
export { recordBytes } from './refuse.ts';
export * from './open-event-log.ts';
export { PostgresEventLog } from './postgres/postgres-event-log.ts';
