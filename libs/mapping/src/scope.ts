import type { Envelope, OpenField } from '#contracts';
import type { JsonObject } from '#schema';

/** One object of the source: the record, or the item of a list that is being mapped. */
export type Source = Readonly<Record<string, unknown>>;

/**
 * All that one run of a mapping knows and makes. A run is synchronous, so one scope serves one event and one flow; there
 * is no clock, no randomness and no I/O in it.
 */
export interface Scope {
  readonly record: Source;
  /** what plain paths are read from: the record, or the item inside `each` */
  item: Source;
  /** the list whose item this is, filtered; undefined outside of `each` */
  items: readonly Source[] | undefined;
  /** the items of one group inside `each` with `group` */
  group: readonly Source[] | undefined;
  /** path of `item` in the record as `cleared` writes it: `` or `lines[2].` */
  itemPath: string;
  /** what the source explicitly set to null; undefined when nothing */
  readonly cleared: ReadonlySet<string> | undefined;
  readonly envelope: Envelope;
  readonly zone: string;
  /** document type that stands for an entity in the flow's connection */
  readonly references: Readonly<Record<string, string>>;
  /** the document as far as it is made */
  readonly body: JsonObject;
  /** JSON pointer of the object being made: `` or `/lines/2` */
  pointer: string;
  /** pointer of the field being made, below `pointer`: where a fault happened, where an open field stands */
  at: string;
  readonly open: OpenField[];
  readonly createOnly: string[];
  review: string | undefined;
}

export function newScope(
  record: Source,
  envelope: Envelope,
  zone: string,
  references: Readonly<Record<string, string>>,
): Scope {
  const cleared = record['cleared'];
  return {
    record,
    item: record,
    items: undefined,
    group: undefined,
    itemPath: '',
    cleared: Array.isArray(cleared) && cleared.length > 0 ? new Set(cleared as string[]) : undefined,
    envelope,
    zone,
    references,
    body: {},
    pointer: '',
    at: '',
    open: [],
    createOnly: [],
    review: undefined,
  };
}

/** Several reasons to look at one document are all told. */
export function addReview(scope: Scope, reason: string): void {
  scope.review = scope.review === undefined ? reason : `${scope.review}; ${reason}`;
}

/** Thrown by a closure when the event cannot become this document: a business refusal, not a fault of the mapping. */
export class Refusal extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'Refusal';
  }
}

/** What a closure gives for a field that delivery fills in: it has put its entry into `scope.open`. */
export const OPENED: unique symbol = Symbol('opened');

/**
 * What an expression gives: `undefined` absent, `null` explicitly cleared, `OPENED`, else a value: string, boolean,
 * `Decimal`, number or bigint for whole numbers, `Date` for instants, `YYYY-MM-DD` for dates, Json for structures.
 */
export type Value = unknown;
