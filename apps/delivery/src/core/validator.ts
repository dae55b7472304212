import type { Json } from '#schema';

/** The schema of a target's document: what is wrong, first things first. */
export interface Validator {
  validate(json: Json): { path: string; message: string }[];
}
