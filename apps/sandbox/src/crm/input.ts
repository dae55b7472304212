import { z } from 'zod';

const decimal = z.string().regex(/^-?\d{1,20}(\.\d{1,9})?$/, 'a decimal as text, e.g. "19.90"');
const text = z.string().min(1).max(300);
const currency = z.string().regex(/^[A-Z]{3}$/);
const date = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);

export const CUSTOMER = z.strictObject({
  name: text,
  legalName: text.nullable().default(null),
  active: z.boolean().default(true),
  email: text.nullable().default(null),
  phone: text.nullable().default(null),
  line1: text.nullable().default(null),
  city: text.nullable().default(null),
  postalCode: text.nullable().default(null),
  country: z.string().regex(/^[A-Z]{2}$/),
  currency: currency.default('EUR'),
});
export type CustomerInput = z.infer<typeof CUSTOMER>;
export const CUSTOMER_CHANGE = changesOf(CUSTOMER);
export type CustomerChange = z.infer<typeof CUSTOMER_CHANGE>;

export const PRODUCT = z.strictObject({
  sku: text,
  name: text,
  unit: text.default('C62'),
  price: decimal,
  currency: currency.default('EUR'),
  active: z.boolean().default(true),
});
export type ProductInput = z.infer<typeof PRODUCT>;
export const PRODUCT_CHANGE = changesOf(PRODUCT);
export type ProductChange = z.infer<typeof PRODUCT_CHANGE>;

const LINE = z.strictObject({
  id: text.optional(),
  productId: text.nullable().default(null),
  sku: text,
  description: text.nullable().default(null),
  quantity: decimal,
  unit: text.nullable().default('C62'),
  unitPrice: decimal,
  discountPercent: decimal.nullable().default(null),
  taxRate: decimal.default('19'),
});

export const OPPORTUNITY = z.strictObject({
  customerId: text,
  currency: currency.default('EUR'),
  purchaseOrderRef: text.nullable().default(null),
  requestedDeliveryDate: date.nullable().default(null),
  note: text.nullable().default(null),
  lines: z.array(LINE).min(1).max(200),
});
export type OpportunityInput = z.infer<typeof OPPORTUNITY>;
export const OPPORTUNITY_CHANGE = changesOf(OPPORTUNITY.omit({ customerId: true, currency: true }));
export type OpportunityChange = z.infer<typeof OPPORTUNITY_CHANGE>;

/** The whole of it each time; a number that is left out stays, for what was created is not uncreated by a later refusal. */
export const SYNC_STATUS = z.strictObject({
  status: z.enum(['SYNCED', 'WAITING', 'REFUSED', 'GIVEN_UP']),
  erpNumber: text.optional(),
  reason: z.string().max(500).optional(),
});
export type SyncStatus = z.infer<typeof SYNC_STATUS>;

/** `seed`: the same seed names the same records, so a repeat adds nothing. */
export const GENERATE = z.strictObject({
  orders: z.number().int().min(1).max(2000),
  seed: z
    .string()
    .regex(/^[a-z0-9-]{1,24}$/)
    .optional(),
});
export type GenerateInput = z.infer<typeof GENERATE>;

/** Fields that were sent change, the others stay: a default must not count as sent. */
function changesOf<Shape extends z.core.$ZodShape>(input: z.ZodObject<Shape>) {
  const shape = Object.fromEntries(
    Object.entries(input.shape).map(([name, field]) => [name, field instanceof z.ZodDefault ? field.unwrap() : field]),
  ) as { [Name in keyof Shape]: Shape[Name] extends z.ZodDefault<infer Inner> ? Inner : Shape[Name] };
  return z.strictObject(shape).partial();
}
