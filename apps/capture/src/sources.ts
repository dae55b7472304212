import { randomBytes } from 'node:crypto';
import { ConfigurationError, Secret, type Configuration, type Connection, type Finding, type Source } from '#contracts';
import { openSource, parseSourceSettings } from '#connectors';
import { logger } from '#platform';

/** A source connection that posts to us. */
export interface OpenSource {
  connection: Connection;
  source: Source;
}

/** Every source connection of the configuration, opened once. */
export interface Sources {
  /** by name; undefined for one that does not exist, is a target, or takes no requests */
  get(name: string): OpenSource | undefined;
  /** entity -> mapping of a source connection */
  normalise(name: string): ReadonlyMap<string, string>;
  /** Verifies like a real one and always refuses: an unknown name must not answer faster than a wrong signature. */
  decoy: Source;
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/** Throws ConfigurationError with every mistake in the settings of source connections. */
export function openSources(configuration: Configuration, host: string): Sources {
  const findings: Finding[] = [];
  const open = new Map<string, OpenSource>();
  const mappings = new Map<string, ReadonlyMap<string, string>>();
  for (const connection of configuration.connections.values()) {
    if (connection.side !== 'source') continue;
    const checked = parseSourceSettings(connection, { host });
    if (!checked.ok) {
      for (const { path, message, suggestion } of checked.findings)
        findings.push({
          ...configuration.position(['connections', connection.name, 'settings', ...path]),
          message: `${connection.name}: ${message}`,
          suggestion,
        });
      continue;
    }
    mappings.set(connection.name, checked.value.normalise);
    const source = openSource(connection);
    if (source !== undefined) open.set(connection.name, { connection, source });
  }
  if (findings.length > 0) throw new ConfigurationError(findings);
  return {
    get: (name) => open.get(name),
    normalise: (name) => mappings.get(name) ?? NOTHING,
    decoy: openDecoy([...open.values()][0]?.connection),
  };
}

/** Like a real connection, with a key that nobody has. */
function openDecoy(like: Connection | undefined): Source {
  const secret = new Secret(`whsec_${randomBytes(32).toString('base64')}`, 'decoy');
  const connection = {
    ...like,
    name: 'decoy',
    connector: 'webhook',
    settings: { scheme: 'standard-webhooks', secrets: [secret] },
  } as Connection;
  const source = openSource(connection);
  if (source === undefined) logger('capture').error('there is no decoy source');
  return source!;
}
