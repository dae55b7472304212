import { createHash } from 'node:crypto';
import { Decimal } from '#contracts';
import { textField, withFields, type Body } from '../body.ts';
import { problem, type Answer } from '../gate.ts';
import type { KeptEffect, NewEffect } from '../ledger.ts';

interface Entry {
  /** 19 digits: more than a JavaScript number holds, as many real ledgers' ids are */
  id: string;
  key: string;
  requestKey: string;
  hash: string;
  text: string;
}

const FIRST_ID = 7_205_759_403_792_793_600n;

/** The pretend ledger: entries are posted, never changed, and an idempotency key is remembered for good. */
export class Journal {
  readonly #entries: Entry[] = [];
  readonly #byKey = new Map<string, Entry[]>();
  readonly #byRequest = new Map<string, Entry>();
  readonly #isClosed: (date: string) => boolean;
  /** ids of entries that an entry of its own reverses */
  readonly #reversed = new Set<string>();

  /** `isClosed`: of a date, whether its period takes no more entries */
  constructor(isClosed: (date: string) => boolean) {
    this.#isClosed = isClosed;
  }

  restore(effect: KeptEffect): void {
    if (effect.system !== 'finance') return;
    const { targetId: id, key, requestKey, hash, body: text } = effect;
    const entry: Entry = { id, key, requestKey, hash, text };
    this.#entries.push(entry);
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), entry]);
    if (requestKey !== '') this.#byRequest.set(requestKey, entry);
    if (effect.operation === 'reverse') this.#reversed.add((JSON.parse(text) as { reverses: string }).reverses);
  }

  /** Same key and same body: the same answer, and nothing more happens. Same key and another body: refused. */
  post(body: Body | undefined, requestKey: string, record: (effect: NewEffect) => KeptEffect): Answer {
    if (body === undefined) return problem(400, 'The body is not a JSON object');
    const earlier = this.#byRequest.get(requestKey);
    if (earlier !== undefined) {
      const same = earlier.hash === createHash('sha256').update(body.text).digest('hex');
      return same ? show(201, earlier) : problem(422, 'The idempotency key was used for another body');
    }
    const wrong = check(body);
    if (wrong !== undefined) return wrong;
    if (this.#isClosed(textField(body, 'date')))
      return problem(422, 'The accounting period is closed', { code: 'PERIOD_CLOSED' });
    const key = textField(body, 'externalId');
    const targetId = this.#nextId();
    this.restore(
      record({
        system: 'finance',
        document: 'journalEntry',
        operation: 'create',
        key,
        requestKey,
        targetId,
        body: body.text,
      }),
    );
    return show(201, this.#entries.at(-1)!);
  }

  /** Takes an entry back by an entry of its own, once. Reversing by a second posting with the sides exchanged is `post`. */
  reverse(id: string, requestKey: string, record: (effect: NewEffect) => KeptEffect): Answer {
    const earlier = this.#byRequest.get(requestKey);
    if (earlier !== undefined) return show(201, earlier);
    const found = this.#find(id);
    if (found === undefined) return problem(404, 'No such entry');
    if (this.#reversed.has(id)) return problem(409, 'The entry is reversed already');
    const { key } = found;
    const body = JSON.stringify({ externalId: key, reverses: id });
    const document = 'journalEntry';
    const targetId = this.#nextId();
    this.restore(record({ system: 'finance', document, operation: 'reverse', key, requestKey, targetId, body }));
    return show(201, this.#entries.at(-1)!);
  }

  keyOf(id: string): string {
    return this.#find(id)?.key ?? '';
  }

  entry(id: string): Answer {
    const found = this.#find(id);
    return found === undefined ? problem(404, 'No such entry') : show(200, found);
  }

  #find(id: string): Entry | undefined {
    return this.#entries.find((entry) => entry.id === id);
  }

  #nextId(): string {
    return String(FIRST_ID + BigInt(this.#entries.length) + 1n);
  }

  list(externalId: string | undefined, limit: number): Answer {
    const entries = externalId === undefined ? this.#entries : (this.#byKey.get(externalId) ?? []);
    const items = entries.slice(0, limit).map(plain).join(',');
    return { status: 200, body: `{"items":[${items}],"total":${entries.length}}` };
  }
}

/** The id is a number, and every digit behind it stands as it was posted. */
const plain = ({ id, requestKey, text }: Entry): string =>
  withFields(`"id":${id},"requestKey":${JSON.stringify(requestKey)}`, text);

const show = (status: number, entry: Entry): Answer => ({ status, body: plain(entry) });

function check(body: Body): Answer | undefined {
  if (textField(body, 'externalId') === '') return problem(422, 'An entry needs an externalId');
  if (!/^[A-Z]{3}$/.test(textField(body, 'currency'))) return problem(422, 'An entry needs a currency');
  if (!/^\d{4}-\d\d-\d\d$/.test(textField(body, 'date'))) return problem(422, 'An entry needs a date');
  const { lines } = body.fields;
  if (!Array.isArray(lines) || lines.length < 2) return problem(422, 'An entry needs two lines or more');
  let balance = new Decimal(0);
  for (const line of lines as unknown[]) {
    const debit = amount(line, 'debit');
    const credit = amount(line, 'credit');
    if (debit === undefined || credit === undefined) return problem(422, 'An amount is not a number');
    balance = balance.plus(debit).minus(credit);
  }
  return balance.isZero() ? undefined : problem(422, 'Debits and credits differ');
}

/** Amounts have at most 15 digits, so the double that JSON.parse made of one gives back the decimal that was sent. */
function amount(line: unknown, side: 'debit' | 'credit'): Decimal | undefined {
  if (typeof line !== 'object' || line === null) return undefined;
  const value = (line as Record<string, unknown>)[side] ?? 0;
  if (typeof value === 'number' && Number.isFinite(value)) return new Decimal(value);
  return typeof value === 'string' && /^-?\d{1,30}(\.\d{1,9})?$/.test(value) ? new Decimal(value) : undefined;
}
