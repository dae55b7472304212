import { Column, Entity, PrimaryColumn, VersionColumn } from 'typeorm';

export type Stage = 'OPEN' | 'WON' | 'LOST' | 'CANCELLED';

/** Decimals are text. */
export interface OpportunityLine {
  id: string;
  productId: string | null;
  sku: string;
  description: string | null;
  quantity: string;
  unit: string | null;
  unitPrice: string;
  discountPercent: string | null;
  taxRate: string;
}

/** A deal; once won it is an order to the rest of the world. */
@Entity({ name: 'opportunity' })
export class Opportunity {
  @PrimaryColumn('text') id!: string;
  @VersionColumn({ type: 'integer' }) version!: number;
  @Column('text') number!: string;
  @Column('text', { name: 'customer_id' }) customerId!: string;
  @Column('text', { default: 'OPEN' }) stage!: Stage;
  @Column('timestamptz', { name: 'closed_at', nullable: true }) closedAt!: Date | null;
  @Column('text') currency!: string;
  @Column('text', { name: 'purchase_order_ref', nullable: true }) purchaseOrderRef!: string | null;
  /** YYYY-MM-DD */
  @Column('date', { name: 'requested_delivery_date', nullable: true }) requestedDeliveryDate!: string | null;
  @Column('text', { nullable: true }) note!: string | null;
  @Column('jsonb') lines!: OpportunityLine[];
  /** what Crossdock has written back: how it fares in the ERP, what it is called there, and why not */
  @Column('text', { name: 'sync_status', nullable: true }) syncStatus!: string | null;
  @Column('text', { name: 'erp_number', nullable: true }) erpNumber!: string | null;
  @Column('text', { name: 'sync_reason', nullable: true }) syncReason!: string | null;
}
