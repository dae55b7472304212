export * from './check.ts';
export * from './history.ts';
