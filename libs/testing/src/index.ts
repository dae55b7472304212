export * from './postgres/cloned-database.ts';
export * from './event-log/index.ts';
export * from './given/index.ts';
export * from './source/index.ts';
export * from './target/index.ts';
export * from './mappings/index.ts';
export * from './faults/index.ts';
export * from './checker/index.ts';
