import { Column, Entity, PrimaryColumn, VersionColumn } from 'typeorm';

/** Something on the price list. */
@Entity({ name: 'product' })
export class Product {
  @PrimaryColumn('text') id!: string;
  @VersionColumn({ type: 'integer' }) version!: number;
  @Column('text') sku!: string;
  @Column('text') name!: string;
  /** UN/ECE Recommendation 20 */
  @Column('text') unit!: string;
  /** decimal, as text: no digit is rounded on the way */
  @Column('numeric', { precision: 20, scale: 4 }) price!: string;
  @Column('text') currency!: string;
  @Column('boolean', { default: true }) active!: boolean;
}
