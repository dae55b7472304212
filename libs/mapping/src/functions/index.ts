import type { NamedFunction } from './function.ts';
import { vatNumber } from './vat-number.ts';

/** Every function that `call:` may name. */
export const FUNCTIONS: ReadonlyMap<string, NamedFunction> = new Map([vatNumber].map((one) => [one.name, one]));
