import { Decimal } from '#contracts';
import { isJsonObject, JsonNumber } from '#schema';
import type { Json } from '#schema';
import type { Context } from './context.ts';
import { follow, fromJson, ofItem, parsePath, readPath } from './path.ts';
import { Refusal } from './scope.ts';
import type { Scope, Source, Value } from './scope.ts';
import { describe } from './shape.ts';
import type { Shape } from './shape.ts';
import type { Sum } from './units.ts';
import type { At } from './yaml.ts';

/** A list found by its path, for `each`, `within: "0.01 x lines"` and the like. */
export interface ListPath {
  item: Shape;
  read: string;
  path: string;
  ofRecord: boolean;
  get(scope: Scope): readonly Source[];
}

export function listPath(text: string, at: At, context: Context): ListPath | undefined {
  const ofRecord = text.startsWith('$record.');
  const names = parsePath(ofRecord ? text.slice('$record.'.length) : text);
  if (!names) return context.findings.add(at, `${JSON.stringify(text)} is not a path`);
  if (!ofRecord && !ofItem(text, at, context)) return undefined;
  const found = follow(names, ofRecord ? context.record : context.item, ofRecord ? '' : context.itemRead, at, context);
  if (!found) return undefined;
  if (found.shape.kind !== 'list') return context.findings.add(at, `${text} is ${describe(found.shape)}, not a list`);
  if (found.lists.length > 0)
    return context.findings.add(at, `${text} goes through a list`, 'nest one each in another');
  return {
    item: found.shape.item,
    read: found.read,
    path: names.join('.'),
    ofRecord,
    get: (scope) => {
      const value = readPath(ofRecord ? scope.record : scope.item, names);
      if (value === null || value === undefined) return [];
      if (!Array.isArray(value)) throw new Refusal(`${text} is not a list`);
      return value as Source[];
    },
  };
}

/** The decimals that a path through lists reads: `lines.amount`, `$target.lines.amount`, `$group.amount`. */
export interface ManyPath {
  shape: Shape;
  read: string;
  /** fraction digits that the document's field is written with */
  fixed?: number;
  collect(scope: Scope, into: Sum): void;
}

export function manyPath(text: string, at: At, context: Context): ManyPath | undefined {
  if (text.startsWith('$target.')) return targetPath(text, at, context);
  const ofGroup = text.startsWith('$group.');
  const ofRecord = text.startsWith('$record.');
  const names = parsePath(text.replace(/^\$(?:group|record)\./, ''));
  if (!names) return context.findings.add(at, `${JSON.stringify(text)} is not a path`);
  if (ofGroup && !context.group) return context.findings.add(at, '$group is known only inside each with group');
  if (!ofGroup && !ofRecord && !ofItem(text, at, context, `say $group.${text}`)) return undefined;
  const found = follow(names, ofRecord ? context.record : context.item, ofRecord ? '' : context.itemRead, at, context);
  if (!found) return undefined;
  const convert = context.json ? fromJson(found.shape) : same;
  const { lists } = found;
  return {
    shape: found.shape,
    read: found.read,
    collect: (scope, into) => {
      if (ofGroup) for (const item of scope.group ?? []) walk(item, names, 0, convert, into, lists);
      else walk(ofRecord ? scope.record : scope.item, names, 0, convert, into, lists);
    },
  };
}

/** `$target.lines.amount`: what has been put into the document so far. */
function targetPath(text: string, at: At, context: Context): ManyPath | undefined {
  const names = parsePath(text.slice('$target.'.length));
  if (!names) return context.findings.add(at, `${JSON.stringify(text)} is not a path`);
  const asked = names.join('.');
  const [list] = context.targetPath.split('[]'); // the outermost that is being made: what is in it grows from item to item
  const grows = asked === list || asked.startsWith(`${list}.`);
  if (context.ofAll && grows && !ofItem(text, at, context)) return undefined;
  const mapped = context.mapped.get(asked);
  if (!mapped) {
    const later = context.toBeMapped?.has(names[0]!);
    if (later && !context.mapped.has(names[0]!))
      return context.findings.add(at, `${asked} is mapped further below`, `move this field below ${names[0]!}`);
    return context.findings.unknown(at, `the document has no field ${asked} so far`, asked, context.mapped.keys());
  }
  if (mapped.opens)
    return context.findings.add(at, `${asked} cannot be summed, for delivery fills some of it in later`);
  return {
    shape: mapped.shape,
    read: '',
    fixed: mapped.fixed,
    collect: (scope, into) => walk(scope.body, names, 0, same, into),
  };
}

/** `lists` says which names must be lists; the others must not. Without it both are taken as they come. */
function walk(
  value: Value,
  names: readonly string[],
  index: number,
  convert: (value: Value) => Value,
  into: Sum,
  lists?: readonly number[],
): void {
  if (value === null || value === undefined) return;
  const list = Array.isArray(value);
  if (lists && list !== lists.includes(index - 1))
    throw new Refusal(`${names.slice(0, index).join('.')} is ${list ? 'a list' : 'not a list'}`);
  if (list) for (const one of value) add(one, names, index, convert, into, lists);
  else add(value, names, index, convert, into, lists);
}

function add(
  value: Value,
  names: readonly string[],
  index: number,
  convert: (value: Value) => Value,
  into: Sum,
  lists: readonly number[] | undefined,
): void {
  if (value === null || value === undefined) return;
  if (index === names.length) {
    const converted = convert(value);
    if (converted instanceof Decimal) into.add(converted);
    else addPlain(converted, into);
    return;
  }
  if (!isJsonObject(value as Json)) {
    const item = lists?.includes(index - 1) ? 'an item of ' : '';
    throw new Refusal(`${item}${names.slice(0, index).join('.')} is not an object`);
  }
  walk((value as Source)[names[index]!], names, index + 1, convert, into, lists);
}

const same = (value: Value): Value => value;

/** What the document holds already, and whole numbers of the source. */
function addPlain(value: Value, into: Sum): void {
  const text = value instanceof JsonNumber ? value.text : String(value);
  if (!into.addText(text)) throw new Refusal('a value is not a decimal');
}
