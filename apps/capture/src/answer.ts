import type { SplitItem } from '#contracts';
import { ProblemError, type Problem } from '#platform';

/** What a request is answered with. */
export interface Answer {
  status: number;
  body: Receipt | Problem;
  headers?: Readonly<Record<string, string>>;
}

export interface Receipt {
  /** of the first item */
  receiptId: string | null;
  items: AnswerItem[];
}

/** One event of the request, in its order. */
export interface AnswerItem {
  receiptId?: string;
  eventId?: string;
  result: 'accepted' | 'duplicate' | 'conflict' | 'refused';
  code?: string;
  detail?: string;
}

export const CONFLICT = 'CROSSDOCK_CAPTURE_CONFLICT';

export function problem(
  status: number,
  code: string,
  detail: string,
  more: { headers?: Record<string, string>; items?: AnswerItem[] } = {},
): Answer {
  const { headers, ...extensions } = more;
  const made = new ProblemError(status, code as `CROSSDOCK_${string}`, detail, extensions);
  return { status, body: made.problem, headers };
}

export function refusedItem(item: Extract<SplitItem, { ok: false }>): AnswerItem {
  return { result: 'refused', code: item.code, detail: item.detail };
}

/**
 * One answer for all items. What was taken outweighs what was not: 202 when anything is new, else 409, else 400, else
 * all is known already: 200.
 */
export function answerItems(items: AnswerItem[]): Answer {
  const first = (result: AnswerItem['result']): AnswerItem | undefined => items.find((item) => item.result === result);
  if (first('accepted')) return { status: 202, body: receipt(items) };
  if (first('conflict'))
    return problem(409, CONFLICT, 'this event id is known with another content; the first stands', { items });
  const refused = first('refused');
  if (refused) return problem(400, refused.code!, refused.detail ?? 'an item cannot be taken', { items });
  return { status: 200, body: receipt(items) };
}

function receipt(items: AnswerItem[]): Receipt {
  return { receiptId: items.find((item) => item.receiptId !== undefined)?.receiptId ?? null, items };
}
