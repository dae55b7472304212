import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { CrossdockError } from '#contracts';
import { isUnavailable } from '#db';
import type { Outbox } from '#outbox';
import { ProblemError } from '#platform';
import { canonicalCustomer, canonicalOrder, canonicalProduct } from './canonical.ts';
import { NEXT_NUMBER } from './crm-data-source.ts';
import { Customer } from './customer.ts';
import type {
  CustomerChange,
  CustomerInput,
  OpportunityChange,
  OpportunityInput,
  ProductChange,
  ProductInput,
  SyncStatus,
} from './input.ts';
import { Opportunity, type OpportunityLine, type Stage } from './opportunity.ts';
import { Product } from './product.ts';

const CONNECTION = 'sandbox-crm';

/**
 * The example of a service that appends by library: each change writes its entity and appends the record's full state in
 * one transaction. Nothing else is needed; there is no second write that could be missing.
 */
export class CrmService {
  readonly #source: DataSource;
  readonly #outbox: Outbox;

  constructor(source: DataSource, outbox: Outbox) {
    this.#source = source;
    this.#outbox = outbox;
  }

  get entities(): EntityManager {
    return this.#source.manager;
  }

  createCustomer(input: CustomerInput, id = `cu-${short()}`): Promise<Customer> {
    return this.#once(Customer, id, async (manager) => {
      const customer = manager.create(Customer, { ...input, id, number: await nextNumber(manager, 'C') });
      return this.#saveCustomer(manager, customer, 'created');
    });
  }

  changeCustomer(id: string, change: CustomerChange): Promise<Customer> {
    return this.#transaction(async (manager) => {
      const customer = await held(manager, Customer, id);
      return this.#saveCustomer(manager, Object.assign(customer, change), 'updated');
    });
  }

  createProduct(input: ProductInput, id = `pr-${short()}`): Promise<Product> {
    return this.#once(Product, id, (manager) => this.#saveProduct(manager, manager.create(Product, { ...input, id })));
  }

  changeProduct(id: string, change: ProductChange): Promise<Product> {
    return this.#transaction(async (manager) => {
      const product = await held(manager, Product, id);
      return this.#saveProduct(manager, Object.assign(product, change));
    });
  }

  createOpportunity(input: OpportunityInput, id = `op-${short()}`): Promise<Opportunity> {
    return this.#once(Opportunity, id, async (manager) => {
      await found(manager, Customer, input.customerId);
      const opportunity = manager.create(Opportunity, {
        ...input,
        id,
        stage: 'OPEN',
        closedAt: null,
        number: await nextNumber(manager, 'O'),
        lines: numbered(input.lines),
      });
      return this.#saveOpportunity(manager, opportunity, 'created');
    });
  }

  changeOpportunity(id: string, change: OpportunityChange): Promise<Opportunity> {
    return this.#transaction(async (manager) => {
      const opportunity = await held(manager, Opportunity, id);
      if (opportunity.stage === 'LOST' || opportunity.stage === 'CANCELLED')
        throw conflict(`an opportunity that is ${opportunity.stage} does not change any more`);
      const { lines, ...rest } = change;
      Object.assign(opportunity, rest, lines && { lines: numbered(lines) });
      return this.#saveOpportunity(manager, opportunity, 'updated');
    });
  }

  /** OPEN -> WON or LOST, WON -> CANCELLED; a repeat of what it already is changes nothing. */
  moveOpportunity(id: string, stage: Exclude<Stage, 'OPEN'>): Promise<Opportunity> {
    return this.#transaction(async (manager) => {
      const opportunity = await held(manager, Opportunity, id);
      if (opportunity.stage === stage) return opportunity;
      const from = stage === 'CANCELLED' ? 'WON' : 'OPEN';
      if (opportunity.stage !== from) throw conflict(`an opportunity that is ${opportunity.stage} cannot be ${stage}`);
      Object.assign(opportunity, { stage, closedAt: new Date() });
      return this.#saveOpportunity(manager, opportunity, stage.toLowerCase());
    });
  }

  /** What somebody else says of the record, in whatever stage it is. A change like any other: the record's next version. */
  syncCustomer(id: string, status: SyncStatus): Promise<Customer> {
    return this.#transaction(async (manager) => {
      const customer = await held(manager, Customer, id);
      return note(customer, status) ? this.#saveCustomer(manager, customer, 'updated') : customer;
    });
  }

  syncOpportunity(id: string, status: SyncStatus): Promise<Opportunity> {
    return this.#transaction(async (manager) => {
      const opportunity = await held(manager, Opportunity, id);
      return note(opportunity, status) ? this.#saveOpportunity(manager, opportunity, 'updated') : opportunity;
    });
  }

  async #transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await this.#source.transaction(work);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      throw new CrossdockError('CROSSDOCK_SANDBOX_DATABASE', 'the CRM has lost its database', {
        cause: error,
        retryable: true,
      });
    }
  }

  async #saveCustomer(manager: EntityManager, customer: Customer, what: string): Promise<Customer> {
    const saved = await manager.save(customer);
    await this.#append(manager, `customer.${what}`, saved, canonicalCustomer(saved));
    return saved;
  }

  async #saveProduct(manager: EntityManager, product: Product): Promise<Product> {
    const saved = await manager.save(product);
    await this.#append(manager, 'product.updated', saved, canonicalProduct(saved));
    return saved;
  }

  async #saveOpportunity(manager: EntityManager, opportunity: Opportunity, what: string): Promise<Opportunity> {
    const saved = await manager.save(opportunity);
    await this.#append(manager, `order.${what}`, saved, canonicalOrder(saved));
    return saved;
  }

  async #append(manager: EntityManager, type: string, saved: { id: string; version: number }, data: object) {
    await this.#outbox.append(manager, {
      connection: CONNECTION,
      type: `crm.${type}`,
      recordId: saved.id,
      sourceVersion: BigInt(saved.version),
      data,
    });
  }

  /**
   * Creates the record of this id, or gives the one there is: two callers may name the same one. `save` would look and
   * then update what the other has just inserted, so they take turns.
   */
  #once<T extends { id: string }>(
    entity: new () => T,
    id: string,
    create: (manager: EntityManager) => Promise<T>,
  ): Promise<T> {
    return this.#transaction(async (manager) => {
      await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${CONNECTION} ${id}`]);
      const there = await manager.findOneBy<{ id: string }>(entity, { id });
      return (there as T | null) ?? create(manager);
    });
  }
}

/** False: the record says so already. */
function note(record: Customer | Opportunity, { status, erpNumber, reason }: SyncStatus): boolean {
  const next = { syncStatus: status, erpNumber: erpNumber ?? record.erpNumber, syncReason: reason ?? null };
  const same = (Object.keys(next) as (keyof typeof next)[]).every((name) => record[name] === next[name]);
  Object.assign(record, next);
  return !same;
}

async function held<T extends { id: string }>(manager: EntityManager, entity: new () => T, id: string): Promise<T> {
  const lock = { mode: 'pessimistic_write' } as const;
  const record = await manager.findOne<{ id: string }>(entity, { where: { id }, lock });
  return (record as T | null) ?? missing(entity, id);
}

async function found<T extends { id: string }>(manager: EntityManager, entity: new () => T, id: string): Promise<T> {
  const record = await manager.findOneBy<{ id: string }>(entity, { id });
  return (record as T | null) ?? missing(entity, id);
}

function missing(entity: { name: string }, id: string): never {
  throw new ProblemError(404, 'CROSSDOCK_SANDBOX_NOT_FOUND', `there is no ${entity.name.toLowerCase()} ${id}`);
}

function conflict(why: string): ProblemError {
  return new ProblemError(409, 'CROSSDOCK_SANDBOX_STAGE', why);
}

async function nextNumber(manager: EntityManager, letter: string): Promise<string> {
  const [row] = await manager.query<{ number: string }[]>(NEXT_NUMBER);
  return `${letter}-${row!.number}`;
}

function numbered(lines: OpportunityInput['lines']): OpportunityLine[] {
  return lines.map((line, at) => ({ ...line, id: line.id ?? `l${at + 1}` }));
}

const short = (): string => randomUUID().slice(0, 13);
