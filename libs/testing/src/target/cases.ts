import { expect } from '@jest/globals';
import type { DocumentDeclaration } from '#contracts';
import type { Probe } from './bench.ts';

export interface TargetCase {
  name: string;
  /** absent: every document type */
  applies?(declaration: DocumentDeclaration): boolean;
  run(probe: Probe): Promise<void>;
}

const word = (declaration: DocumentDeclaration) =>
  declaration.repeatIsSafe[declaration.operations.has('write') ? 'write' : 'create'];
const repeatable = (declaration: DocumentDeclaration): boolean =>
  ['by-idempotency-key', 'by-external-id'].includes(word(declaration) ?? '');
const canFind = (declaration: DocumentDeclaration): boolean => declaration.canFind;
const creates = (declaration: DocumentDeclaration): boolean => !declaration.operations.has('write');

/** What every target must show, one promise of delivery to a case. */
export const TARGET_CASES: readonly TargetCase[] = [
  {
    name: 'the first write takes effect once and says which id it got',
    async run(probe) {
      expect(await probe.create()).toMatchObject({ outcome: 'done', targetId: expect.stringMatching(/./) });
      expect(await probe.effects()).toHaveLength(1);
    },
  },
  {
    name: 'the same bytes with the same key a second time change nothing',
    applies: repeatable,
    async run(probe) {
      const first = await probe.create();
      const second = await probe.create();
      expect(second).toMatchObject({ outcome: 'done', targetId: 'targetId' in first ? first.targetId : '?' });
      expect(new Set(await probe.effects()).size).toBe(1);
      if (probe.declaration.nature === 'fact') expect(await probe.effects()).toHaveLength(1);
    },
  },
  {
    name: 'a look finds what the write made, and nothing before it',
    applies: canFind,
    async run(probe) {
      expect(await probe.find()).toMatchObject({ found: 'none' });
      const written = await probe.create();
      const targetId = 'targetId' in written ? written.targetId : '?';
      expect(await probe.find()).toMatchObject({ found: 'one', targetId });
    },
  },
  {
    name: 'cut after it took effect: in doubt, and a look finds it',
    applies: canFind,
    async run(probe) {
      await probe.bench.next('cut-after-applying');
      expect(await probe.create()).toMatchObject({ outcome: 'in-doubt' });
      expect(await probe.find()).toMatchObject({ found: 'one', requestKeyMatches: true });
      expect(await probe.effects()).toHaveLength(1);
    },
  },
  {
    name: 'cut before it took effect: in doubt, a look finds nothing, and one resend makes one effect',
    applies: canFind,
    async run(probe) {
      await probe.bench.next('cut-before-applying');
      expect(await probe.create()).toMatchObject({ outcome: 'in-doubt' });
      expect(await probe.find()).toMatchObject({ found: 'none' });
      expect(await probe.create()).toMatchObject({ outcome: 'done' });
      expect(await probe.effects()).toHaveLength(1);
    },
  },
  {
    name: 'cut after it took effect: in doubt, and the same bytes again settle it without a second effect',
    applies: repeatable,
    async run(probe) {
      await probe.bench.next('cut-after-applying');
      expect(await probe.create()).toMatchObject({ outcome: 'in-doubt' });
      expect(await probe.create()).toMatchObject({ outcome: 'done' });
      expect(new Set(await probe.effects()).size).toBe(1);
    },
  },
  {
    name: 'silence is in doubt after the timeout',
    async run(probe) {
      const impatient = await probe.bench.open({ timeoutMs: 200 });
      try {
        await probe.bench.next('silence');
        expect(await probe.create({}, impatient)).toMatchObject({ outcome: 'in-doubt' });
      } finally {
        await impatient.close();
      }
    },
  },
  {
    name: 'a success that cannot be read leaves a create in doubt',
    applies: (declaration) => creates(declaration) && !declaration.idIsKey,
    async run(probe) {
      await probe.bench.next('unreadable-success');
      expect(await probe.create()).toMatchObject({ outcome: 'in-doubt' });
    },
  },
  {
    name: 'too many requests and unavailable are tried again after the wait they name',
    async run(probe) {
      for (const fault of ['too-many', 'unavailable'] as const) {
        await probe.bench.next(fault);
        expect(await probe.create()).toMatchObject({ outcome: 'retry', retryAfterMs: 7_000 });
      }
      expect(await probe.effects()).toEqual([]);
    },
  },
  {
    name: 'a server error is in doubt, a refusal is final, expired credentials wait for somebody',
    async run(probe) {
      await probe.bench.next('server-error');
      expect(await probe.create()).toMatchObject({ outcome: 'in-doubt', errorClass: 'UNKNOWN_OUTCOME' });
      await probe.bench.next('refusal');
      expect(await probe.create()).toMatchObject({ outcome: 'rejected', errorClass: 'VALUE' });
      await probe.bench.next('expired-credentials');
      expect(await probe.create()).toMatchObject({ outcome: 'retry', errorClass: 'AUTH' });
    },
  },
  {
    name: 'a look that fails is not absence',
    applies: canFind,
    async run(probe) {
      await probe.bench.next('look-fails');
      expect(await probe.find()).toMatchObject({ found: 'failed' });
    },
  },
  {
    name: 'nobody there: tried again, and nothing was sent',
    async run(probe) {
      const nowhere = await probe.bench.open({ nowhere: true });
      try {
        expect(await probe.create({}, nowhere)).toMatchObject({ outcome: 'retry', notSent: true });
      } finally {
        await nowhere.close();
      }
    },
  },
  {
    name: 'stopped just before the first byte, nothing is sent',
    async run(probe) {
      const stop = () => {
        throw new Error('the lease is nearly over');
      };
      expect(await probe.create({ onRequestStart: stop })).toMatchObject({ outcome: 'retry', notSent: true });
      expect(await probe.effects()).toEqual([]);
      let asked = 0;
      expect(await probe.create({ onRequestStart: () => void asked++ })).toMatchObject({ outcome: 'done' });
      expect(asked).toBe(1);
    },
  },
  {
    name: 'an abort is prompt and leaves a doubt once bytes are out',
    async run(probe) {
      await probe.bench.next('silence');
      const stop = new AbortController();
      const begun = performance.now();
      const pending = probe.create({
        signal: stop.signal,
        onRequestStart: () => void setImmediate(() => stop.abort()),
      });
      expect(await pending).toMatchObject({ outcome: 'in-doubt' });
      expect(performance.now() - begun).toBeLessThan(2_000);
    },
  },
  {
    name: 'every byte arrives as it was: digits, long text, signs beyond ASCII',
    async run(probe) {
      const body = probe.body(`äöü € 中文 🚚 \\"quoted\\" ${'long '.repeat(30)}`);
      expect(await probe.create({ body })).toMatchObject({ outcome: 'done' });
      expect(await probe.effects()).toEqual([body]);
    },
  },
  {
    name: 'an update by id and a cancel reach the record that was created',
    applies: (declaration) => declaration.operations.has('update') && declaration.operations.has('cancel'),
    async run(probe) {
      const created = await probe.create();
      const targetId = 'targetId' in created ? created.targetId : undefined;
      const body = probe.body('changed');
      expect(await probe.write('update', { targetId, body })).toMatchObject({ outcome: 'done' });
      expect(await probe.write('update', { targetId, body })).toMatchObject({ outcome: 'done' });
      expect(await probe.write('cancel', { targetId, body: null })).toMatchObject({ outcome: 'done' });
      expect(await probe.write('cancel', { targetId, body: null })).toMatchObject({ outcome: 'done' });
    },
  },
  {
    name: 'no word it says holds a secret or what was sent',
    async run(probe) {
      const marker = 'Krause-4711-confidential';
      const create = () => probe.create({ body: probe.body(marker) });
      for (const fault of ['refusal', 'server-error', 'too-many', 'cut-before-applying'] as const) {
        await probe.bench.next(fault);
        await create();
      }
      await create();
      if (probe.declaration.canFind) await probe.find();
      const said = JSON.stringify(probe.said);
      expect(said).not.toContain(marker);
      expect(said).not.toContain(probe.bench.secret);
    },
  },
];
