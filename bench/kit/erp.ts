import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PeerProcess } from './peer-process.ts';

/** What the ERP has seen since `reset`; times in ms by its own clock. */
export interface ErpStats {
  answered: number;
  firstAt: number;
  lastAt: number;
  mostOpen: number;
  repeated: number;
  outOfOrder: number;
  now: number;
}

export interface Erp {
  url: string;
  stats(): Promise<ErpStats>;
  reset(): Promise<void>;
  stop(): void;
}

/** An ERP that answers after `latencyMs`, in a process of its own so that its work is nobody's. */
export async function startErp(latencyMs: number): Promise<Erp> {
  const child = fork(fileURLToPath(new URL('./erp-server.js', import.meta.url)), [String(latencyMs)], {
    stdio: 'inherit',
  });
  const [port] = (await once(child, 'message')) as [number];
  const ask = async (what: 'stats' | 'reset'): Promise<ErpStats> => {
    child.send(what);
    const [answer] = (await once(child, 'message')) as [ErpStats];
    return answer;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    stats: () => ask('stats'),
    reset: async () => void (await ask('reset')),
    stop: () => void child.kill(),
  };
}

export interface Delivered {
  perSecond: number;
  mostOpen: number;
  outOfOrder: number;
  repeated: number;
  peakMiB: number;
}

/** Answers per second from the first request on: until `events` are answered, or for `windowMs` of a slower peer. */
export async function measureDelivery(
  erp: Erp,
  process: PeerProcess,
  { events, windowMs }: { events: number; windowMs: number },
): Promise<Delivered> {
  const seen = await process.until(
    `${events} are delivered, or ${windowMs / 1000} s have passed`,
    async () => {
      const stats = await erp.stats();
      const over = stats.firstAt > 0 && (stats.answered >= events || stats.now - stats.firstAt > windowMs);
      return over ? stats : undefined;
    },
    50,
  );
  return {
    perSecond: seen.answered / ((seen.lastAt - seen.firstAt) / 1000),
    mostOpen: seen.mostOpen,
    outOfOrder: seen.outOfOrder,
    repeated: seen.repeated,
    peakMiB: process.peakMiB(),
  };
}
