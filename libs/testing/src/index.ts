export * from './postgres/cloned-database.ts';
