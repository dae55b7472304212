export * from './commits-at-risk.ts';
export type { CopiedColumns } from './copy-out.ts';
export * from './database.ts';
export * from './embedded-postgres.ts';
export * from './failures.ts';
export * from './history.ts';
export * from './migrate.ts';
export type { EntityManager } from 'typeorm';
