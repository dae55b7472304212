import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { ConfigurationError, type Finding, type Position } from '#contracts';

export type Path = readonly (string | number)[];

/** A YAML file that people write, with the way back from a value to its line and column. */
export interface PositionedYaml {
  value: unknown;
  /** of the value at the path, or of the nearest ancestor that exists; `key` points at the name instead */
  position(path: Path, at?: 'key' | 'value'): Position;
}

/** Reads YAML 1.2 without aliases or custom tags; throws ConfigurationError with every syntax error. */
export function readYaml(file: string, text: string): PositionedYaml {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true, version: '1.2' });
  const at = (offset: number): Position => {
    const { line, col } = counter.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (document.errors.length > 0) {
    const findings = document.errors.map((error): Finding => ({ ...at(error.pos[0]), message: error.message }));
    throw new ConfigurationError(findings);
  }
  return {
    value: document.toJS({ maxAliasCount: 0 }),
    position: (path, what = 'value') => at(offsetOf(document, path, what)),
  };
}

function offsetOf(document: Document.Parsed, path: Path, what: 'key' | 'value'): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) break;
      const key = pair.key as Node;
      next = pair.value;
      const last = index === path.length - 1;
      const range = last && what === 'key' ? key.range : ((next as Node | null)?.range ?? key.range);
      offset = range?.[0] ?? offset;
    } else if (isSeq(node)) {
      next = node.items[Number(step)];
      offset = (next as Node | undefined)?.range?.[0] ?? offset;
    } else break;
    node = (next as Node | null | undefined) ?? null;
  }
  return offset;
}
