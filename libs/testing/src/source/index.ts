export * from './describe-source.ts';
