import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DocumentDeclaration, Target } from '#contracts';
import { Probe, type TargetBench } from './bench.ts';
import { TARGET_CASES, type TargetCase } from './cases.ts';

/** A case that a connector does not pass, and why that is how its system is. A waiver that is not needed fails. */
export interface Waiver {
  document: string;
  case: string;
  reason: string;
}

/**
 * The conformance kit of targets: what delivery relies on, tried against a connector and a double of its system. Prints
 * the connector's score. For ours and for anybody's:
 *
 *     describeTarget('acme', makeAcmeBench, { documents: declarations, waivers: [] });
 *
 * `documents` is what the connector's check says of the settings the bench opens it with.
 */
export function describeTarget(
  name: string,
  make: () => Promise<TargetBench>,
  options: { documents: ReadonlyMap<string, DocumentDeclaration>; waivers?: readonly Waiver[] },
): void {
  describe(`target ${name}`, () => {
    const { waivers = [] } = options;
    let bench: TargetBench;
    let target: Target;
    let passed = 0;
    let tried = 0;

    beforeAll(async () => {
      bench = await make();
      target = await bench.open();
      for (const sample of bench.documents) await sample.arrange?.(target);
    });
    afterAll(async () => {
      await target.close();
      await bench.close();
      process.stdout.write(`target ${name}: ${passed} of ${tried} cases, ${waivers.length} waived\n`);
    });

    it('gives a readable reason when its credentials are wrong, and none when they are right', async () => {
      tried++;
      const stranger = await bench.open({ credentials: 'wrong' });
      try {
        const { signal } = new AbortController();
        expect(await target.probe?.(signal)).toEqual({ ok: true });
        const refused = await stranger.probe?.(signal);
        expect(refused).toMatchObject({ ok: false, httpStatus: 401, message: expect.stringContaining('401') });
        expect(JSON.stringify(refused)).not.toContain(bench.secret);
      } finally {
        await stranger.close();
      }
      passed++;
    });

    it('declares why repeating is safe for each of its operations', () => {
      tried++;
      expect(target.documents).toEqual(options.documents);
      for (const { operations, repeatIsSafe, settleMs, keyLifetimeMs } of target.documents.values()) {
        expect(Object.keys(repeatIsSafe).sort()).toEqual([...operations].sort());
        expect(settleMs).toBeGreaterThan(0);
        if (Object.values(repeatIsSafe).includes('by-idempotency-key')) expect(keyLifetimeMs).toBeGreaterThan(0);
      }
      passed++;
    });

    for (const [document, declaration] of options.documents)
      describe(`with ${document}`, () => {
        const cases = TARGET_CASES.filter((each) => each.applies?.(declaration) ?? true);
        for (const [index, each] of cases.entries())
          it(each.name, async () => {
            const probe = probeOf(document, declaration, `kit:${document}:${index}/ä`);
            tried++;
            await withWaiver(document, each, () => each.run(probe));
            passed++;
          });
      });

    function probeOf(document: string, declaration: DocumentDeclaration, key: string): Probe {
      const sample = bench.documents.find((each) => each.document === document);
      if (sample === undefined) throw new Error(`the bench has no ${document}`);
      return new Probe(bench, target, sample, declaration, key);
    }

    async function withWaiver(document: string, { name: title }: TargetCase, run: () => Promise<void>): Promise<void> {
      const waiver = waivers.find((each) => each.document === document && each.case === title);
      if (waiver === undefined) return run();
      const failed = await run().then(
        () => false,
        () => true,
      );
      if (!failed) throw new Error(`the waiver is not needed: ${waiver.reason}`);
    }
  });
}
