export * from './postgres/cloned-database.ts';
export * from './event-log/index.ts';
