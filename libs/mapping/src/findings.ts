import { didYouMean } from '#contracts';
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
  const near = didYouMean(name, names);
  if (near !== undefined) return near;
  return names.length > 0 && names.length <= 12 ? `there is ${names.join(', ')}` : undefined;
}
