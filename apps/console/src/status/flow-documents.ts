import { Injectable } from '@nestjs/common';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';

/** The newest delivery of each flow says which document the flow writes. */
const SQL = `
  select f.flow, d.document from unnest($1::text[]) as f (flow)
  cross join lateral (select document from delivery where flow = f.flow order by accepted_at desc limit 1) as d`;

/** Which document type each flow writes. */
@Injectable()
export class FlowDocuments {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #known = new Map<string, string>();

  constructor(database: ConsoleDatabase, names: Names) {
    this.#database = database;
    this.#names = names;
    for (const flow of names.configuration.flows.values()) {
      const [only, ...others] = Object.keys(documentsOf(names.configuration.connections.get(flow.to)?.settings));
      if (only !== undefined && others.length === 0) this.#known.set(flow.name, only);
    }
  }

  async all(): Promise<ReadonlyMap<string, string>> {
    const missing = [...this.#names.configuration.flows.keys()].filter((flow) => !this.#known.has(flow));
    if (missing.length > 0)
      for (const row of await this.#database.query<{ flow: string; document: string }>(SQL, [missing]))
        this.#known.set(row.flow, row.document);
    return this.#known;
  }
}

/** The `documents` of a target connection's settings, as the file has them. */
export function documentsOf(settings: unknown): Record<string, { schema?: unknown }> {
  if (typeof settings !== 'object' || settings === null || !('documents' in settings)) return {};
  return typeof settings.documents === 'object' && settings.documents !== null
    ? (settings.documents as Record<string, { schema?: unknown }>)
    : {};
}
