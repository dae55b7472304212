import { describe, expect, it } from '@jest/globals';
import { caseDifference, loadMappings, readCases } from '#mapping';
import type { MappingFlow } from '#mapping';
import { loadSchemas } from '#schema';

/**
 * Every case beside every mapping of the roots as a test of its own, named as the case is; a mapping without cases
 * fails. `flows` lets references be looked up as they are in a configuration.
 */
export function describeMappings(roots: readonly string[], flows: readonly MappingFlow[] = []): void {
  const schemas = loadSchemas({ roots });
  const bundle = loadMappings({ roots, schemas, flows });
  for (const name of bundle.mappings.keys())
    describe(`mapping ${name}`, () => {
      const cases = readCases(bundle, name);
      it('has cases', () => expect(cases.length).toBeGreaterThan(0));
      for (const one of cases)
        it(one.name, () => {
          expect(caseDifference(bundle, name, one)).toBe('');
        });
    });
}
