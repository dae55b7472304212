import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds `package.json` and `schemas/`: the repository, or `/app` in the image. */
export function packageRoot(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json')) && existsSync(join(at, 'schemas'))) return at;
    if (at === dirname(at)) throw new Error('the folder with package.json and schemas/ was not found');
  }
}
