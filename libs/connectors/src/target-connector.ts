import type { Connection, DocumentDeclaration, Target } from '#contracts';

/** One mistake in a connection's settings; `path` is relative to `settings`, whoever holds the file adds line and column. */
export interface SettingsFinding {
  path: readonly (string | number)[];
  message: string;
  suggestion?: string;
}

export type Checked<T> = { ok: true; value: T } | { ok: false; findings: SettingsFinding[] };

/** What a target may need of the process it runs in. */
export interface TargetSurroundings {
  /** turns the path of `sandbox:/erp` into a URL; asked once, when the target is opened */
  sandbox(path: string): string;
}

/** One kind of target system: how its settings are checked, what it declares, how one account of it is opened. */
export interface TargetConnector {
  name: string;
  /** version of the connector contract it was written for */
  contract: 1;
  /** pure; called at start-up and by `crossdock check` */
  check(connection: Connection): Checked<ReadonlyMap<string, DocumentDeclaration>>;
  /** called once per connection and process, with settings that passed the check */
  open(connection: Connection, surroundings: TargetSurroundings): Target;
}

/** The parts a connector's author writes; the settings are parsed once and handed to the functions that need them. */
export interface TargetDefinition<Settings> {
  name: string;
  contract: 1;
  parse(connection: Connection): Checked<Settings>;
  documents(settings: Settings, connection: Connection): ReadonlyMap<string, DocumentDeclaration>;
  open(settings: Settings, connection: Connection, surroundings: TargetSurroundings): Omit<Target, 'documents'>;
}

export function defineTarget<Settings>(definition: TargetDefinition<Settings>): TargetConnector {
  return {
    name: definition.name,
    contract: definition.contract,
    check(connection) {
      const parsed = definition.parse(connection);
      if (!parsed.ok) return parsed;
      return { ok: true, value: definition.documents(parsed.value, connection) };
    },
    open(connection, surroundings) {
      const parsed = definition.parse(connection);
      if (!parsed.ok) throw new Error(`connection ${connection.name} was opened with settings that were not checked`);
      return {
        ...definition.open(parsed.value, connection, surroundings),
        documents: definition.documents(parsed.value, connection),
      };
    },
  };
}
