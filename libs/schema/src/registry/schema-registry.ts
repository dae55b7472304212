/** A schema as the registry knows it. */
export interface RegisteredSchema {
  kind: 'AVRO' | 'JSON';
  /** our name, where the registry or our lock knows it */
  name?: string;
  definition: unknown;
}

/** Which id belongs to which schema. Both throw a retryable CrossdockError while the registry cannot be reached. */
export interface SchemaRegistry {
  /** The id to write in front of a value of this schema (`canonical/order`, `erp/sales-order`). */
  idOf(schemaName: string): Promise<number>;
  /** `unknown` only when the registry says so: such a record is a dead letter. `newer`: a later version of the registry may know it. */
  byId(id: number): Promise<RegisteredSchema | 'unknown' | 'newer'>;
}
