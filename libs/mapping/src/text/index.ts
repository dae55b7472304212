import { country } from './country.ts';
import { digits } from './digits.ts';
import { e164 } from './e164.ts';
import { limit } from './limit.ts';
import { lower } from './lower.ts';
import { pad } from './pad.ts';
import type { TextStep } from './step.ts';
import { trim } from './trim.ts';
import { truncate } from './truncate.ts';
import { upper } from './upper.ts';
import { widthFold } from './width-fold.ts';

/** What may stand in `then`. */
export const TEXT_STEPS: ReadonlyMap<string, TextStep> = new Map(
  [trim, upper, lower, truncate, limit, widthFold, digits, e164, country, pad].map((step) => [step.name, step]),
);
