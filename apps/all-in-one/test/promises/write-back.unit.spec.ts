import { describe, expect, it } from '@jest/globals';
import type { Effect } from '../support/witness.ts';
import { judge, KINDS, type CrmRecord } from './write-back.ts';

const [, ORDER] = KINDS;
const effect = (document: string, targetId: string, operation: Effect['operation'] = 'create'): Effect => ({
  n: 1,
  at: '',
  system: document === 'journalEntry' ? 'finance' : 'erp',
  document,
  operation,
  key: 'acme:order:sb-o1',
  requestKey: targetId,
  targetId,
  hash: '',
});
const LEDGER = [effect('salesOrder', 'SO-1'), effect('journalEntry', 'JE-1')];
const TOLD: CrmRecord = { id: 'o1', version: 3, syncStatus: 'SYNCED', erpNumber: 'SO-1' };
const classes = (told: Partial<CrmRecord>, ledger: readonly Effect[] = LEDGER): string[] =>
  judge({ ...TOLD, ...told }, ORDER, ledger).map((anomaly) => anomaly.class);

describe('what the CRM was told, beside what the targets wrote down', () => {
  it('is nothing to remark where it heard of its order once and rightly', () => {
    expect(classes({})).toEqual([]);
    expect(classes({}, [...LEDGER, effect('salesOrder', 'SO-1', 'update')])).toEqual([]);
  });

  it('is LOST where it was never told, or a target has nothing', () => {
    expect(classes({ syncStatus: null, erpNumber: null, version: 2 })).toEqual(['LOST']);
    expect(classes({}, [effect('salesOrder', 'SO-1')])).toEqual(['LOST']);
    expect(classes({}, [])).toEqual(['LOST', 'LIE', 'LOST']);
  });

  it('is a LIE where it was told another number, or something else than that it is done', () => {
    expect(classes({ erpNumber: 'SO-2' })).toEqual(['LIE']);
    expect(classes({ syncStatus: 'REFUSED' })).toEqual(['LIE']);
  });

  it('is DUP where being told changed it more than once, or a document is there twice', () => {
    expect(classes({ version: 4 })).toEqual(['DUP']);
    expect(classes({}, [...LEDGER, effect('salesOrder', 'SO-2')])).toEqual(['DUP']);
    expect(classes({}, [...LEDGER, effect('journalEntry', 'JE-2')])).toEqual(['DUP']);
  });
});
