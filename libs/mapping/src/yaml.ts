import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Finding } from '#contracts';

/** 1-based, of the first character. */
export interface At {
  line: number;
  column: number;
}

/** A YAML value that knows where it stands. Numbers keep the text they were written with. */
export type Tree = Scalar | List | Mapping;
export interface Scalar {
  kind: 'scalar';
  value: string | number | boolean | null;
  /** as written, for numbers: `10.10` stays `10.10` */
  text: string;
  at: At;
}
export interface List {
  kind: 'list';
  items: readonly Tree[];
  at: At;
}
export interface Mapping {
  kind: 'mapping';
  entries: readonly Entry[];
  at: At;
}
export interface Entry {
  key: string;
  keyAt: At;
  value: Tree;
}

/** Parses one file; every mistake of form is a finding. `undefined` when nothing can be made of it. */
export function parseYaml(file: string, text: string, findings: Finding[]): Tree | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): At => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  for (const error of document.errors)
    findings.push({ file, ...at(error.pos[0]), message: `not valid YAML: ${error.message}` });
  if (document.errors.length > 0) return undefined;
  if (document.contents === null) {
    findings.push({ file, line: 1, column: 1, message: 'the file is empty' });
    return undefined;
  }

  const convert = (node: unknown, fallback: At): Tree => {
    if (isScalar(node)) {
      const here = node.range ? at(node.range[0]) : fallback;
      const value = node.value;
      const text = typeof value === 'string' ? value : (node.source ?? String(value));
      if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
        return { kind: 'scalar', value, text, at: here };
      return { kind: 'scalar', value: text, text, at: here };
    }
    if (isSeq(node)) {
      const here = node.range ? at(node.range[0]) : fallback;
      return { kind: 'list', items: node.items.map((item) => convert(item, here)), at: here };
    }
    if (isMap(node)) {
      const here = node.range ? at(node.range[0]) : fallback;
      const entries = node.items.map((pair): Entry => {
        const key = convert(pair.key, here);
        if (key.kind !== 'scalar') {
          findings.push({ file, ...key.at, message: 'a key must be text' });
          return { key: '', keyAt: key.at, value: convert(pair.value, key.at) };
        }
        return { key: key.text, keyAt: key.at, value: convert(pair.value, key.at) };
      });
      return { kind: 'mapping', entries, at: here };
    }
    if (isAlias(node)) {
      const here = node.range ? at(node.range[0]) : fallback;
      findings.push({
        file,
        ...here,
        message: 'anchors and aliases are not part of the language; write the value out',
      });
      return { kind: 'scalar', value: null, text: '', at: here };
    }
    return { kind: 'scalar', value: null, text: '', at: fallback };
  };
  const before = findings.length;
  const tree = convert(document.contents, { line: 1, column: 1 });
  return findings.length === before ? tree : undefined;
}

/** The value under a key of a mapping; undefined where there is none. */
export function entryOf(node: Mapping, key: string): Entry | undefined {
  return node.entries.find((entry) => entry.key === key);
}

/** What a bundle's hash is made of: the content without comments, spacing and quoting. */
export function normalForm(node: Tree): unknown {
  if (node.kind === 'scalar') return typeof node.value === 'number' ? { number: node.text } : node.value;
  if (node.kind === 'list') return node.items.map(normalForm);
  return { mapping: node.entries.map((entry) => [entry.key, normalForm(entry.value)]) };
}
