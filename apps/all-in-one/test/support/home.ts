import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '#platform';

/** A configuration folder of its own: our example with some lines replaced. Throws when a line to replace is not there. */
export function homeWith(replacements: readonly (readonly [string, string])[]): { path: string; remove(): void } {
  let text = readFileSync(join(packageRoot(), 'crossdock.yaml'), 'utf8');
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`the example configuration has no ${JSON.stringify(from)}`);
    text = text.replaceAll(from, to);
  }
  const path = mkdtempSync(join(tmpdir(), 'crossdock-home-'));
  writeFileSync(join(path, 'crossdock.yaml'), text);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
