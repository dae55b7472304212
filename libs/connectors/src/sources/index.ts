import { CrossdockError, type Connection, type Source } from '#contracts';
import type { SourceConnector, SourceDeclaration, SourceSurroundings } from '../source-connector.ts';
import type { Checked } from '../target-connector.ts';
import { webhook } from './webhook/webhook.ts';

/** Every kind of source that is reached over HTTP, by the word that stands under `connector:`. */
export const sources: ReadonlyMap<string, SourceConnector> = new Map([webhook].map((each) => [each.name, each]));

/** A service that appends by library has no request to read and no settings. */
const LIBRARY = 'outbox';

/** What a source connection declares, or what is wrong with its settings. Pure. */
export function parseSourceSettings(
  connection: Connection,
  surroundings: SourceSurroundings,
): Checked<SourceDeclaration> {
  if (connection.connector === LIBRARY) return parseLibrarySettings(connection);
  const connector = sources.get(connection.connector);
  if (connector !== undefined) return connector.check(connection, surroundings);
  const known = [...sources.keys(), LIBRARY].join(', ');
  return {
    ok: false,
    findings: [{ path: [], message: `unknown connector ${connection.connector}`, suggestion: `sources: ${known}` }],
  };
}

/** Opens one account, or undefined for one without requests. Throws for settings that `parseSourceSettings` refuses. */
export function openSource(connection: Connection): Source | undefined {
  if (connection.connector === LIBRARY) return undefined;
  const connector = sources.get(connection.connector);
  if (connector === undefined)
    throw new CrossdockError('CROSSDOCK_CONFIGURATION_CONNECTOR', `unknown connector ${connection.connector}`);
  return connector.open(connection);
}

function parseLibrarySettings(connection: Connection): Checked<SourceDeclaration> {
  const { settings } = connection;
  const names = typeof settings === 'object' && settings !== null ? Object.keys(settings) : [];
  if (names.length === 0) return { ok: true, value: { normalise: new Map() } };
  return {
    ok: false,
    findings: names.map((name) => ({
      path: [name],
      message: `unknown setting ${name}`,
      suggestion: 'outbox has none',
    })),
  };
}
