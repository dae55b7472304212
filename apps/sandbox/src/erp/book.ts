import { problem, type Answer } from '../gate.ts';
import { textField, type Body } from '../body.ts';
import type { KeptEffect, NewEffect } from '../ledger.ts';

interface ErpRecord {
  id: string;
  externalId: string;
  fields: Readonly<Record<string, unknown>>;
}

/** How the book writes to the witness. */
export type Witness = (effect: NewEffect) => KeptEffect;

/**
 * The ERP's customers and orders. Every change is one effect; `restore` is the only code that changes the state, so what
 * a restart rebuilds is what was there. Fields left out of an update stay as they are.
 */
export class ErpBook {
  readonly #customers = new Map<string, ErpRecord>();
  readonly #customerIds = new Set<string>();
  readonly #orders = new Map<string, ErpRecord>();
  readonly #ordersByKey = new Map<string, string[]>();

  restore(effect: KeptEffect): void {
    if (effect.system !== 'erp') return;
    const id = effect.targetId;
    if (effect.document === 'customer') {
      const before = this.#customers.get(effect.key)?.fields;
      this.#customers.set(effect.key, { id, externalId: effect.key, fields: merge(before, effect.body) });
      this.#customerIds.add(id);
      return;
    }
    const before = this.#orders.get(id);
    const fields =
      effect.operation === 'cancel' ? { ...before?.fields, status: 'cancelled' } : merge(before?.fields, effect.body);
    this.#orders.set(id, { id, externalId: effect.key, fields });
    if (before === undefined) this.#ordersByKey.set(effect.key, [...(this.#ordersByKey.get(effect.key) ?? []), id]);
  }

  putCustomer(key: string, body: Body | undefined, requestKey: string, record: Witness): Answer {
    if (body === undefined) return problem(400, 'The body is not a JSON object');
    if (textField(body, 'externalId') !== key) return problem(422, 'externalId differs from the path');
    if (textField(body, 'name') === '') return problem(422, 'A customer needs a name');
    const known = this.#customers.get(key);
    const targetId = known?.id ?? `C-${10_001 + this.#customers.size}`;
    this.restore(
      record({ system: 'erp', document: 'customer', operation: 'upsert', key, requestKey, targetId, body: body.text }),
    );
    return show(known === undefined ? 201 : 200, this.#customers.get(key));
  }

  customer(key: string): Answer {
    const found = this.#customers.get(key);
    return found === undefined ? problem(404, 'No such customer') : show(200, found);
  }

  createOrder(body: Body | undefined, requestKey: string, unique: boolean, record: Witness): Answer {
    const wrong = this.#checkOrder(body);
    if (wrong !== undefined || body === undefined) return wrong ?? problem(400, 'The body is not a JSON object');
    const key = textField(body, 'externalId');
    if (unique && this.#ordersByKey.has(key)) return problem(409, 'An order with this externalId is there already');
    const targetId = `SO-${100_001 + this.#orders.size}`;
    this.restore(
      record({
        system: 'erp',
        document: 'salesOrder',
        operation: 'create',
        key,
        requestKey,
        targetId,
        body: body.text,
      }),
    );
    return show(201, this.#orders.get(targetId));
  }

  updateOrder(id: string, body: Body | undefined, requestKey: string, record: Witness): Answer {
    const known = this.#orders.get(id);
    if (known === undefined) return problem(404, 'No such order');
    const wrong = this.#checkOrder(body);
    if (wrong !== undefined || body === undefined) return wrong ?? problem(400, 'The body is not a JSON object');
    const key = textField(body, 'externalId');
    if (key !== known.externalId) return problem(422, 'externalId never changes');
    if (known.fields['status'] === 'cancelled') return problem(409, 'The order is cancelled');
    this.restore(
      record({
        system: 'erp',
        document: 'salesOrder',
        operation: 'update',
        key,
        requestKey,
        targetId: id,
        body: body.text,
      }),
    );
    return show(200, this.#orders.get(id));
  }

  cancelOrder(id: string, requestKey: string, record: Witness): Answer {
    const known = this.#orders.get(id);
    if (known === undefined) return problem(404, 'No such order');
    if (known.fields['status'] === 'cancelled') return problem(409, 'The order is cancelled');
    const key = known.externalId;
    this.restore(
      record({ system: 'erp', document: 'salesOrder', operation: 'cancel', key, requestKey, targetId: id, body: '{}' }),
    );
    return show(200, this.#orders.get(id));
  }

  order(id: string): Answer {
    const found = this.#orders.get(id);
    return found === undefined ? problem(404, 'No such order') : show(200, found);
  }

  keyOfOrder(id: string): string {
    return this.#orders.get(id)?.externalId ?? '';
  }

  listOrders(externalId: string | undefined, limit: number): Answer {
    if (externalId === undefined) return list(this.#orders.values(), this.#orders.size, limit);
    const ids = this.#ordersByKey.get(externalId) ?? [];
    return list(
      ids.map((id) => this.#orders.get(id)!),
      ids.length,
      limit,
    );
  }

  listCustomers(limit: number): Answer {
    return list(this.#customers.values(), this.#customers.size, limit);
  }

  #checkOrder(body: Body | undefined): Answer | undefined {
    if (body === undefined) return problem(400, 'The body is not a JSON object');
    if (textField(body, 'externalId') === '') return problem(422, 'An order needs an externalId');
    if (!Array.isArray(body.fields['lines'])) return problem(422, 'An order needs lines');
    if (!this.#customerIds.has(textField(body, 'customer'))) return problem(422, 'The customer is unknown');
    return undefined;
  }
}

const merge = (before: ErpRecord['fields'] | undefined, body: string): ErpRecord['fields'] => ({
  ...before,
  ...(JSON.parse(body) as Record<string, unknown>),
});

const plain = ({ id, externalId, fields }: ErpRecord) => ({ id, ...fields, externalId });

const show = (status: number, record: ErpRecord | undefined): Answer => ({
  status,
  body: JSON.stringify(record === undefined ? null : plain(record)),
});

function list(records: Iterable<ErpRecord>, total: number, limit: number): Answer {
  const items = [...records].slice(0, limit).map(plain);
  return { status: 200, body: JSON.stringify({ items, total }) };
}
