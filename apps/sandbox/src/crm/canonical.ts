import { Decimal } from '#contracts';
import type { Customer } from './customer.ts';
import type { Opportunity, OpportunityLine } from './opportunity.ts';
import type { Product } from './product.ts';

/** Full state in the JSON form of the canonical model; what the CRM does not know is left out (undefined). */
export function canonicalCustomer(customer: Customer): object {
  const { country, line1, city, postalCode } = customer;
  return {
    id: customer.id,
    version: customer.version,
    number: customer.number,
    kind: 'COMPANY',
    name: customer.name,
    legalName: known(customer.legalName),
    status: customer.active ? 'ACTIVE' : 'INACTIVE',
    email: known(customer.email),
    phone: known(customer.phone),
    currency: customer.currency,
    billTo: { line1: known(line1), city: known(city), postalCode: known(postalCode), country },
  };
}

export function canonicalProduct(product: Product): object {
  return {
    id: product.id,
    version: product.version,
    sku: product.sku,
    name: product.name,
    unit: product.unit,
    price: { amount: product.price, currency: product.currency },
    status: product.active ? 'ACTIVE' : 'INACTIVE',
  };
}

export function canonicalOrder(opportunity: Opportunity): object {
  const { currency } = opportunity;
  const net = sum(opportunity.lines.map(amountOf));
  const tax = sum(opportunity.lines.map((line) => cents(amountOf(line).mul(line.taxRate).div(100))));
  const money = (amount: Decimal): object => ({ amount, currency });
  return {
    id: opportunity.id,
    version: opportunity.version,
    number: opportunity.number,
    customerId: opportunity.customerId,
    stage: opportunity.stage,
    closedAt: known(opportunity.closedAt),
    currency,
    purchaseOrderRef: known(opportunity.purchaseOrderRef),
    requestedDeliveryDate: known(opportunity.requestedDeliveryDate),
    note: known(opportunity.note),
    lines: opportunity.lines.map((line, at) => ({
      id: line.id,
      lineNo: at + 1,
      productId: known(line.productId),
      sku: line.sku,
      description: known(line.description),
      quantity: line.quantity,
      unit: known(line.unit),
      unitPrice: line.unitPrice,
      discountPercent: known(line.discountPercent),
      taxRate: line.taxRate,
      amount: amountOf(line),
    })),
    total: money(net),
    tax: money(tax),
    gross: money(net.add(tax)),
  };
}

/** Net of one line, to the cent, half up: as this CRM prints it on its offers. */
export function amountOf(line: OpportunityLine): Decimal {
  const share = new Decimal(100).sub(line.discountPercent ?? 0).div(100);
  return cents(new Decimal(line.quantity).mul(line.unitPrice).mul(share));
}

const cents = (amount: Decimal): Decimal => amount.toDecimalPlaces(2, Decimal.ROUND_HALF_UP);
const sum = (amounts: readonly Decimal[]): Decimal => amounts.reduce((all, one) => all.add(one), new Decimal(0));
const known = <T>(value: T | null): T | undefined => value ?? undefined;
