export * from './configuration/load.ts';
export * from './configuration/positions.ts';
export * from './configuration/duration.ts';
export * from './environment.ts';
export * from './paths.ts';
export * from './suggest.ts';
