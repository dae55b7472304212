import { freePort } from '#testing';
import type { Ports } from './product.ts';

export async function freePorts(): Promise<Ports> {
  return { port: await freePort(), metrics: await freePort(), sandbox: await freePort() };
}
