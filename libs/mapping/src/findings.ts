import type { Finding } from '#contracts';
import type { At } from './yaml.ts';

/** Collects every mistake of one file. */
export class Findings {
  readonly file: string;
  readonly list: Finding[];

  constructor(file: string, list: Finding[] = []) {
    this.file = file;
    this.list = list;
  }

  add(at: At, message: string, suggestion?: string): undefined {
    this.list.push({ file: this.file, line: at.line, column: at.column, message, suggestion });
    return undefined;
  }

  /** `message` about a name that is not among `known`, with the closest of them as a suggestion. */
  unknown(at: At, message: string, name: string, known: Iterable<string>): undefined {
    return this.add(at, message, suggest(name, known));
  }
}

/** "did you mean x?", or what there is to choose from; nothing when the list is long and nothing is close. */
export function suggest(name: string, known: Iterable<string>): string | undefined {
  const names = [...known];
  const lower = name.toLowerCase();
  const scored = names
    .map((candidate) => ({ candidate, distance: distance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  if (best && best.distance <= Math.max(1, Math.floor(Math.max(name.length, best.candidate.length) / 3)))
    return `did you mean ${best.candidate}?`;
  if (names.length > 0 && names.length <= 12) return `there is ${names.join(', ')}`;
  return undefined;
}

/** Edits between two names, a swap of neighbours counting one (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(current[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}
