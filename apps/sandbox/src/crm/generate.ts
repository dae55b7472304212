import { randomBytes } from 'node:crypto';
import type { CrmService } from './crm.service.ts';
import { CUSTOMER, OPPORTUNITY, PRODUCT, type GenerateInput } from './input.ts';
import type { Opportunity } from './opportunity.ts';

// All names are invented.
const FIRST = ['Alder', 'Brindle', 'Cinder', 'Dovetail', 'Ember', 'Fathom', 'Gable', 'Harrow', 'Inkwell', 'Juniper'];
const SECOND = ['Bay', 'Crest', 'Fold', 'Hollow', 'Loom', 'Mill', 'Quay', 'Ridge', 'Spindle', 'Wharf'];
const TRADES = ['Machines', 'Timber', 'Textiles', 'Optics', 'Foods', 'Instruments'];
const CITIES = [
  { city: 'Hamburg', postalCode: '20095', country: 'DE' },
  { city: 'Graz', postalCode: '8010', country: 'AT' },
  { city: 'Gent', postalCode: '9000', country: 'BE' },
  { city: 'Porto', postalCode: '4050-001', country: 'PT' },
];
const GOODS = [
  { sku: 'BRK-100', name: 'Bearing bracket', price: '18.40' },
  { sku: 'FLT-205', name: 'Filter cartridge', price: '7.95' },
  { sku: 'PMP-310', name: 'Dosing pump', price: '412.00' },
  { sku: 'SNS-044', name: 'Level sensor', price: '86.25' },
  { sku: 'VLV-512', name: 'Ball valve', price: '33.333' },
  { sku: 'CTL-900', name: 'Control cabinet', price: '2890.00' },
];
const IN_PARALLEL = 4;

export interface Generated {
  seed: string;
  customers: string[];
  orders: { id: string; number: string; customerId: string; version: number }[];
}

/**
 * Invents companies and won orders for demonstrations and kill tests. Everything follows from the seed: called again with
 * the same one it finishes what is missing and adds nothing. Each order is two transactions (created, then won), so that a
 * test which kills something meets both.
 */
export async function generate(crm: CrmService, input: GenerateInput): Promise<Generated> {
  const seed = input.seed ?? randomBytes(4).toString('hex');
  for (const good of GOODS) await crm.createProduct(PRODUCT.parse(good), `pr-${good.sku.toLowerCase()}`);
  const customers = Array.from({ length: Math.ceil(input.orders / 3) }, (_, at) => `cu-${seed}-${at + 1}`);
  await inParallel(customers, async (id, at) => {
    const random = draws(`${seed} customer ${at}`);
    const name = `${random.one(FIRST)} ${random.one(SECOND)} ${random.one(TRADES)}`;
    const mail = `office@${name.toLowerCase().replaceAll(' ', '-')}.example`;
    await crm.createCustomer(
      CUSTOMER.parse({ name, legalName: `${name} Ltd`, email: mail, line1: 'Dock Street 1', ...random.one(CITIES) }),
      id,
    );
  });
  const orders: Opportunity[] = [];
  const numbers = Array.from({ length: input.orders }, (_, at) => at);
  await inParallel(numbers, async (at) => {
    const random = draws(`${seed} order ${at}`);
    const made = await crm.createOpportunity(
      OPPORTUNITY.parse({
        customerId: customers[at % customers.length],
        purchaseOrderRef: `PO-${seed}-${at + 1}`,
        lines: Array.from({ length: 1 + random.below(4) }, (_line, lineAt) => {
          const good = GOODS[(random.below(GOODS.length) + lineAt) % GOODS.length]!;
          return {
            productId: `pr-${good.sku.toLowerCase()}`,
            sku: good.sku,
            description: good.name,
            quantity: String(1 + random.below(20)),
            unitPrice: good.price,
            discountPercent: random.below(3) === 0 ? '5' : null,
          };
        }),
      }),
      `op-${seed}-${at + 1}`,
    );
    orders[at] = made.stage === 'OPEN' ? await crm.moveOpportunity(made.id, 'WON') : made;
  });
  return {
    seed,
    customers,
    orders: orders.map(({ id, number, customerId, version }) => ({ id, number, customerId, version })),
  };
}

async function inParallel<T>(items: readonly T[], work: (item: T, at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      await work(items[at]!, at);
    }
  };
  await Promise.all(Array.from({ length: IN_PARALLEL }, worker));
}

/** Small numbers from a text, always the same ones (mulberry32). */
function draws(text: string): { below(bound: number): number; one<T>(items: readonly T[]): T } {
  let state = 0x811c9dc5;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0)!, 0x01000193);
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
  return { below, one: (items) => items[below(items.length)]! };
}
