import { Column, Entity, PrimaryColumn, VersionColumn } from 'typeorm';

/** A company that buys, or might. */
@Entity({ name: 'customer' })
export class Customer {
  @PrimaryColumn('text') id!: string;
  /** counts the changes: our source version */
  @VersionColumn({ type: 'integer' }) version!: number;
  @Column('text') number!: string;
  @Column('text') name!: string;
  @Column('text', { name: 'legal_name', nullable: true }) legalName!: string | null;
  @Column('boolean', { default: true }) active!: boolean;
  @Column('text', { nullable: true }) email!: string | null;
  @Column('text', { nullable: true }) phone!: string | null;
  @Column('text', { nullable: true }) line1!: string | null;
  @Column('text', { nullable: true }) city!: string | null;
  @Column('text', { name: 'postal_code', nullable: true }) postalCode!: string | null;
  /** ISO 3166-1 alpha-2 */
  @Column('text') country!: string;
  /** ISO 4217 */
  @Column('text') currency!: string;
  /** what Crossdock has written back: how it fares in the ERP, what it is called there, and why not */
  @Column('text', { name: 'sync_status', nullable: true }) syncStatus!: string | null;
  @Column('text', { name: 'erp_number', nullable: true }) erpNumber!: string | null;
  @Column('text', { name: 'sync_reason', nullable: true }) syncReason!: string | null;
}
