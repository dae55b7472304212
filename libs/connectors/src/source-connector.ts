import { CrossdockError, type Connection, type Source } from '#contracts';
import type { Checked } from './target-connector.ts';

/** What a source may need to know of the process it runs in. */
export interface SourceSurroundings {
  /** the address the process listens on: schemes without a signature are for loopback only */
  host: string;
}

/** What a source connection declares besides how its requests are read. */
export interface SourceDeclaration {
  /** entity -> name of the mapping that makes its records canonical; an entity without one is canonical already */
  normalise: ReadonlyMap<string, string>;
}

/** One kind of source system: how its settings are checked and how one account of it is opened. */
export interface SourceConnector {
  name: string;
  /** version of the connector contract it was written for */
  contract: 1;
  /** pure; called at start-up and by `crossdock check` */
  check(connection: Connection, surroundings: SourceSurroundings): Checked<SourceDeclaration>;
  /** called once per connection and process, with settings that passed the check */
  open(connection: Connection): Source;
}

/** The parts a connector's author writes; the settings are parsed once and handed to the functions that need them. */
export interface SourceDefinition<Settings> {
  name: string;
  contract: 1;
  parse(connection: Connection, surroundings: SourceSurroundings): Checked<Settings>;
  declare(settings: Settings): SourceDeclaration;
  open(settings: Settings, connection: Connection): Source;
}

const ANYWHERE: SourceSurroundings = { host: '127.0.0.1' }; // where it runs was judged by the check

export function defineSource<Settings>(definition: SourceDefinition<Settings>): SourceConnector {
  return {
    name: definition.name,
    contract: definition.contract,
    check(connection, surroundings) {
      const parsed = definition.parse(connection, surroundings);
      return parsed.ok ? { ok: true, value: definition.declare(parsed.value) } : parsed;
    },
    open(connection) {
      const parsed = definition.parse(connection, ANYWHERE);
      if (parsed.ok) return definition.open(parsed.value, connection);
      const what = parsed.findings.map(({ path, message }) => `settings.${path.join('.')}: ${message}`).join('; ');
      throw new CrossdockError('CROSSDOCK_CONFIGURATION_SETTINGS', `connection ${connection.name}: ${what}`);
    },
  };
}
