import { CrossdockError, type Connection, type DocumentDeclaration, type Target } from '#contracts';
import type { Checked, TargetConnector, TargetSurroundings } from './target-connector.ts';
import { rest } from './targets/rest/rest.ts';

export { webhookSettings } from './sources/webhook/settings.ts';
export { openSource, parseSourceSettings, sources } from './sources/index.ts';
export {
  defineSource,
  type SourceConnector,
  type SourceDeclaration,
  type SourceDefinition,
  type SourceSurroundings,
} from './source-connector.ts';
export { restSettings } from './targets/rest/settings.ts';
export { checkSettings, duration, pointer, secret, strict } from './settings.ts';
export {
  defineTarget,
  type Checked,
  type SettingsFinding,
  type TargetConnector,
  type TargetDefinition,
  type TargetSurroundings,
} from './target-connector.ts';

/** Every kind of target, by the word that stands under `connector:`. */
export const targets: ReadonlyMap<string, TargetConnector> = new Map([rest].map((each) => [each.name, each]));

/** What a target connection declares, or what is wrong with its settings. Pure. */
export function parseTargetSettings(connection: Connection): Checked<ReadonlyMap<string, DocumentDeclaration>> {
  const connector = targets.get(connection.connector);
  if (connector !== undefined) return connector.check(connection);
  const known = [...targets.keys()].join(', ');
  return {
    ok: false,
    findings: [{ path: [], message: `unknown connector ${connection.connector}`, suggestion: `targets: ${known}` }],
  };
}

/** Opens one account; throws for settings that `parseTargetSettings` refuses. */
export function openTarget(connection: Connection, surroundings: TargetSurroundings): Target {
  const connector = targets.get(connection.connector);
  if (connector === undefined)
    throw new CrossdockError('CROSSDOCK_CONFIGURATION_CONNECTOR', `unknown connector ${connection.connector}`);
  return connector.open(connection, surroundings);
}
