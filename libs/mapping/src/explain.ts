import type { LineageField } from './context.ts';
import type { CompiledMapping } from './mapping.ts';
import type { Shape } from './shape.ts';

/** Lineage of one mapping: `crossdock mapping explain` prints it, a schema change asks it what breaks. */
export interface Explanation {
  mapping: string;
  from: string;
  to: string;
  document?: string;
  fields: readonly LineageField[];
  /** paths of the source that the mapping reads, `lines[].amount` for those of items; sorted */
  reads: readonly string[];
  /** leaves of the source that nothing reads; sorted */
  unread: readonly string[];
  references: readonly string[];
  /** value sets that people fill */
  sets: readonly string[];
}

export function explainMapping(mapping: CompiledMapping): Explanation {
  const reads = [...mapping.lineage.reads].sort();
  const unread = leaves(mapping.source, '', 0).filter((leaf) => !reads.some((read) => covers(read, leaf)));
  return {
    mapping: mapping.name,
    from: mapping.from,
    to: mapping.to,
    document: mapping.document,
    fields: mapping.lineage.fields,
    reads,
    unread: unread.sort(),
    references: [...new Set(mapping.lineage.references.map((one) => one.name))],
    sets: [...mapping.lineage.sets].sort(),
  };
}

/** Any key of a map that is read counts for the map; reading a list or object to go into it reads none of its leaves. */
function covers(read: string, leaf: string): boolean {
  if (!leaf.endsWith('.*')) return read === leaf;
  const map = leaf.slice(0, -2);
  return read === map || read.startsWith(`${map}.`);
}

function leaves(shape: Shape, path: string, depth: number): string[] {
  if (depth > 8) return [];
  if (shape.kind === 'record')
    return [...shape.fields]
      .filter(([name]) => path !== '' || name !== 'cleared') // bookkeeping of the canonical model
      .flatMap(([name, field]) => leaves(field.shape, path === '' ? name : `${path}.${name}`, depth + 1));
  if (shape.kind === 'list') return shape.item.kind === 'record' ? leaves(shape.item, `${path}[]`, depth + 1) : [path];
  if (shape.kind === 'map') return [`${path}.*`];
  return [path];
}
