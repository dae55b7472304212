export * from './bind.ts';
export * from './find.ts';
