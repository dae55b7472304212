import { join } from 'node:path';
import { packageRoot } from '#platform';
import { describeMappings } from './describe-mappings.ts';

const flow = (name: string, entity: string, connection: string, mapping: string) => ({
  flow: name,
  entity,
  connection,
  mapping,
});

describeMappings(
  [join(packageRoot(), 'schemas')],
  [
    flow('customers', 'customer', 'main-erp', 'customer-to-erp'),
    flow('orders', 'order', 'main-erp', 'order-to-erp'),
    flow('order-postings', 'order', 'ledger', 'order-to-journal'),
    flow('customer-numbers', 'sync-result', 'sandbox-crm-api', 'result-to-account'),
    flow('order-numbers', 'sync-result', 'sandbox-crm-api', 'result-to-opportunity'),
  ],
);
