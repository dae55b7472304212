import { Inject, Injectable } from '@nestjs/common';
import type { Configuration } from '#contracts';
import { checkMappings, mappingFlows, type Bundle } from '#mapping';
import { CONFIGURATION, SCHEMA_ROOTS } from '#platform';
import { loadSchemas, type SchemaSet } from '#schema';

/**
 * Schemas and mappings as this process finds them on disk. `crossdock check` runs before every start and refuses what is
 * broken; here a broken mapping must not keep people from seeing what happened, so what is good is used.
 */
@Injectable()
export class Mappings {
  readonly schemas: SchemaSet;
  readonly bundle: Bundle;
  /** document type by flow */
  readonly documents: ReadonlyMap<string, string>;

  constructor(@Inject(CONFIGURATION) configuration: Configuration, @Inject(SCHEMA_ROOTS) roots: readonly string[]) {
    this.schemas = loadSchemas({ roots });
    const flows = mappingFlows(configuration.flows.values(), (flow) => configuration.position(['flows', flow.name]));
    this.bundle = checkMappings({ roots, schemas: this.schemas, flows }).bundle;
    this.documents = new Map([...this.bundle.flows.values()].map(({ flow, document }) => [flow, document]));
  }
}
