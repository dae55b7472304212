import type { Finding } from '#contracts';
import { Findings } from './findings.ts';
import { entryOf, parseYaml } from './yaml.ts';
import type { Entry, Tree } from './yaml.ts';

/**
 * A fixed table of `schemas/tables/<name>.yaml`: from a key to one text, or to a row of named texts.
 *
 *     doc: what it is for
 *     rows: { north: R1, south: R2 }
 *     rows: { DE19: { account: "1776", rate: "19" } }
 *
 * `rows:` may be left out: then all keys but `doc` are rows.
 */
export interface Table {
  name: string;
  doc: string;
  /** the columns of rows; undefined where each key has one text */
  columns: readonly string[] | undefined;
  /** column -> key -> text; the one column of a plain table is called `value` */
  values: ReadonlyMap<string, ReadonlyMap<string, string>>;
  tree: Tree;
}

export function readTable(name: string, file: string, text: string, list: Finding[]): Table | undefined {
  const tree = parseYaml(file, text, list);
  if (!tree) return undefined;
  const findings = new Findings(file, list);
  if (tree.kind !== 'mapping') return findings.add(tree.at, 'a table is a mapping with doc and rows');
  const doc = entryOf(tree, 'doc')?.value;
  const rowsEntry = entryOf(tree, 'rows');
  if (rowsEntry)
    for (const entry of tree.entries)
      if (entry.key !== 'doc' && entry.key !== 'rows')
        findings.unknown(entry.keyAt, `unknown key ${entry.key}`, entry.key, ['doc', 'rows']);
  const rows = rowsEntry ? rowsEntry.value : { ...tree, entries: tree.entries.filter(({ key }) => key !== 'doc') };
  if (rows.kind !== 'mapping' || rows.entries.length === 0)
    return findings.add(rows.at, 'a table without rows', 'rows: { north: R1, south: R2 }');
  const first = rows.entries[0]!.value;
  const columns = first.kind === 'mapping' ? first.entries.map((entry) => entry.key) : undefined;
  const values = new Map<string, Map<string, string>>();
  for (const column of columns ?? ['value']) values.set(column, new Map());
  for (const row of rows.entries) addRow(row, columns, values, findings);
  return { name, doc: doc?.kind === 'scalar' ? doc.text : '', columns, values, tree };
}

function addRow(
  row: Entry,
  columns: readonly string[] | undefined,
  values: Map<string, Map<string, string>>,
  findings: Findings,
): void {
  if (!columns) {
    if (row.value.kind !== 'scalar' || row.value.value === null) findings.add(row.value.at, `${row.key} has no text`);
    else values.get('value')!.set(row.key, row.value.text);
    return;
  }
  if (row.value.kind !== 'mapping')
    return void findings.add(row.value.at, `${row.key} is not a row with ${columns.join(', ')}`);
  for (const cell of row.value.entries) {
    const column = values.get(cell.key);
    if (!column) findings.unknown(cell.keyAt, `unknown column ${cell.key}`, cell.key, columns);
    else if (cell.value.kind !== 'scalar' || cell.value.value === null)
      findings.add(cell.value.at, `${cell.key} has no text`);
    else column.set(row.key, cell.value.text);
  }
  for (const column of columns)
    if (!row.value.entries.some((cell) => cell.key === column))
      findings.add(row.keyAt, `${row.key} lacks the column ${column}`);
}
