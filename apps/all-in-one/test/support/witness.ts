import { getJson } from './product.ts';

/** One effect as the sandbox ERP or finance system wrote it down (fsynced) when it took place. */
export interface Effect {
  n: number;
  at: string;
  system: 'erp' | 'finance';
  document: string;
  operation: 'upsert' | 'create' | 'update' | 'cancel';
  key: string;
  requestKey: string;
  targetId: string;
  hash: string;
}

/** What really happened at the targets, from their own ledger. */
export async function effects<More = unknown>(sandbox: string, query = ''): Promise<(Effect & More)[]> {
  return (await getJson<{ effects: (Effect & More)[] }>(`${sandbox}/ledger${query}`)).effects;
}

/** Keys with more than one create: documents that exist twice. A reversal takes one back. */
export function createdTwice(list: readonly Effect[]): string[] {
  const seen = new Map<string, number>();
  for (const { operation, document, key, requestKey } of list) {
    const counts = requestKey.endsWith(':reversal') ? -1 : 1;
    if (operation === 'create') seen.set(`${document} ${key}`, (seen.get(`${document} ${key}`) ?? 0) + counts);
  }
  return [...seen].filter(([, count]) => count > 1).map(([what, count]) => `${what} x${count}`);
}
