import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { Customer } from './customer.ts';
import { Opportunity } from './opportunity.ts';
import { Product } from './product.ts';

const SCHEMA = 'sandbox_crm';

class Tables1763900000000 implements MigrationInterface {
  name = 'Tables1763900000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table ${SCHEMA}.customer (
        id text primary key, version integer not null, number text not null, name text not null, legal_name text,
        active boolean not null default true, email text, phone text, line1 text, city text, postal_code text,
        country text not null, currency text not null, sync_status text, erp_number text, sync_reason text
      );
      create table ${SCHEMA}.product (
        id text primary key, version integer not null, sku text not null unique, name text not null, unit text not null,
        price numeric(20, 4) not null, currency text not null, active boolean not null default true
      );
      create table ${SCHEMA}.opportunity (
        id text primary key, version integer not null, number text not null,
        customer_id text not null references ${SCHEMA}.customer (id),
        stage text not null default 'OPEN' check (stage in ('OPEN', 'WON', 'LOST', 'CANCELLED')),
        closed_at timestamptz, currency text not null, purchase_order_ref text, requested_delivery_date date, note text,
        lines jsonb not null, sync_status text, erp_number text, sync_reason text
      );
      create sequence ${SCHEMA}.number start 1001;
    `);
  }

  async down(): Promise<void> {
    throw new Error('drop the schema instead');
  }
}

/** Any number that nothing else in this database uses: two sandboxes that start together take turns. */
const SET_UP_LOCK = 7_236_003;

/**
 * The service's own DataSource, as any TypeORM service has one: in Crossdock's database, because only there can its
 * change and the event be one transaction; in a schema of its own, because the tables are nobody else's business.
 */
export async function openCrm(url: string): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    url,
    schema: SCHEMA,
    applicationName: 'sandbox crm',
    entities: [Customer, Product, Opportunity],
    migrations: [Tables1763900000000],
    migrationsTableName: 'migration',
    extra: { max: 8 },
    poolErrorHandler: () => {},
  });
  await source.initialize();
  const runner = source.createQueryRunner();
  try {
    await runner.query('select pg_advisory_lock($1)', [SET_UP_LOCK]);
    await runner.query(`create schema if not exists ${SCHEMA}`);
    await source.runMigrations({ transaction: 'all' });
  } finally {
    await runner.query('select pg_advisory_unlock($1)', [SET_UP_LOCK]);
    await runner.release();
  }
  return source;
}

/** The next number that people quote. */
export const NEXT_NUMBER = `select nextval('${SCHEMA}.number') as number`;
