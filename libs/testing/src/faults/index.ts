export * from './judge-appends.ts';
export * from './process.ts';
export * from './rewrite.ts';
export * from './seeded.ts';
export * from './tcp-proxy.ts';
export type { Weather } from './wire.ts';
