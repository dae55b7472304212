import type { Connection } from '#contracts';
import { checkSettings } from '../../settings.ts';
import type { Checked } from '../../target-connector.ts';
import { checkRules } from './rules.ts';
import { type RestSettings, restSettings } from './settings.ts';

/** Reads and checks the settings of one connection: first their form, then what must fit together. */
export function parseRestSettings(connection: Connection): Checked<RestSettings> {
  const parsed = checkSettings(restSettings, connection.settings);
  if (!parsed.ok) return parsed;
  const findings = checkRules(parsed.value);
  return findings.length > 0 ? { ok: false, findings } : parsed;
}
