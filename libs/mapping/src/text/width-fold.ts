import { plain } from './step.ts';
import type { TextStep } from './step.ts';

/**
 * Full-width Latin letters, digits and signs become half-width, half-width Katakana become full-width, the ideographic
 * space an ordinary one: what Unicode calls width folding (the compatibility mappings <wide> and <narrow>), and nothing else of NFKC.
 */
export const widthFold: TextStep = {
  name: 'width-fold',
  usage: 'width-fold',
  doc: 'full-width letters and digits as ordinary ones, half-width Katakana as full-width ones',
  examples: [
    { say: 'width-fold', given: 'ＡＢＣ　１２３', gives: 'ABC 123' },
    { say: 'width-fold', given: 'ｱﾊﾞ', gives: 'アバ' },
  ],
  after: (before) => before,
  build: plain((text) =>
    text.replaceAll(/[\uff01-\uff5e\uff61-\uff9f\uffe0-\uffe6\u3000]+/g, (piece) => piece.normalize('NFKC')),
  ),
};
