import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { Secret } from '#contracts';

export interface SecretSources {
  /** folder of crossdock.yaml: `file:` is relative to it */
  home: string;
  /** CROSSDOCK_DATA: generated secrets are kept under it */
  data: string;
  variable(name: string): string | undefined;
}

/** `{ env: N }`, `{ file: p }` or `{ generated: n }`, as it stands in the file. */
export function isSecretReference(value: unknown): value is { env: string } | { file: string } | { generated: string } {
  if (typeof value !== 'object' || value === null) return false;
  const keys = Object.keys(value);
  return (
    keys.length === 1 && ['env', 'file', 'generated'].includes(keys[0]!) && typeof Object.values(value)[0] === 'string'
  );
}

/** The secret, or in one sentence why there is none. */
export function resolveSecret(
  reference: { env: string } | { file: string } | { generated: string },
  sources: SecretSources,
): Secret | string {
  if ('env' in reference) {
    const value = sources.variable(reference.env);
    return value ? new Secret(value, `env ${reference.env}`) : `the environment variable ${reference.env} is not set`;
  }
  if ('file' in reference) {
    const file = isAbsolute(reference.file) ? reference.file : join(sources.home, reference.file);
    if (!existsSync(file)) return `the file ${reference.file} does not exist`;
    const value = readFileSync(file, 'utf8').trim();
    return value ? new Secret(value, `file ${reference.file}`) : `the file ${reference.file} is empty`;
  }
  if (!/^[a-z0-9-]+$/.test(reference.generated)) return 'the name of a generated secret is made of a-z, 0-9 and -';
  return new Secret(generatedSecret(sources.data, reference.generated), `generated ${reference.generated}`);
}

/** Made at first use and kept under CROSSDOCK_DATA; `whsec_` + base64, the form Standard Webhooks asks for. */
export function generatedSecret(data: string, name: string): string {
  const file = join(data, 'secrets', name);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `whsec_${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
