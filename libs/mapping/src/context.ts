import type { Expression } from './expression.ts';
import type { Findings } from './findings.ts';
import type { NamedFunction } from './functions/function.ts';
import type { Shape } from './shape.ts';
import type { Table } from './table.ts';
import type { Tree } from './yaml.ts';

/** What the check knows while it stands at one place of a mapping. */
export interface Context {
  findings: Findings;
  mapping: string;
  /** `canonical/order`, for messages */
  sourceName: string;
  targetName: string;
  record: Shape;
  /** what plain paths mean here: the record, or the item inside `each` */
  item: Shape;
  /** how lineage writes what stands before a path here: `` or `lines[].` */
  itemRead: string;
  /** inside `each` with `group`: the paths that all items of a group share */
  group?: { keys: ReadonlySet<string> };
  /** paths mean an item of the list that is mapped, so that it can have a share of a total */
  inEach: boolean;
  /** inside `of` of a split, which is one total for all items: nothing of one item can be read */
  ofAll?: boolean;
  /** the source is exact JSON, not a decoded record */
  json: boolean;
  /** the target is a canonical record: values are written in its JSON form */
  canonicalTarget: boolean;
  tables: ReadonlyMap<string, Table>;
  functions: ReadonlyMap<string, NamedFunction>;
  /** canonical entities that exist, for `reference` */
  entities: ReadonlySet<string>;
  /** fields of the target that are mapped already, dotted, lists gone through: `lines.amount` */
  mapped: Map<string, MappedField>;
  /** names of the target's fields that this mapping names at all */
  toBeMapped?: ReadonlySet<string>;
  /** dotted path of the target's object being mapped, `` at the top */
  targetPath: string;
  lineage: Lineage;
  /** checks an expression inside an operator; handed in, so that operators do not import the table they stand in */
  value(node: Tree, context: Context): Expression | undefined;
}

export interface MappedField {
  shape: Shape;
  fixed?: number;
  /** delivery fills it in, always or sometimes */
  opens?: boolean;
}

/** Where each field of the target comes from. */
export interface LineageField {
  /** `lines[].amount` */
  target: string;
  /** paths of the source it reads */
  reads: readonly string[];
  /** as the mapping says it, shortened */
  by: string;
  line: number;
}

/** Gathered while a mapping is checked. */
export interface Lineage {
  fields: LineageField[];
  /** every path that is read, by conditions and checks too */
  reads: Set<string>;
  /** entities referenced, with the place that says so */
  references: { name: string; at: { line: number; column: number } }[];
  /** fields with `on: create` */
  createOnly: { target: string; at: { line: number; column: number } }[];
  /** value sets that people fill */
  sets: Set<string>;
}
