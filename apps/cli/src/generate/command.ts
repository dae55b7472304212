import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkMappings, editorSchema, operatorsReference } from '#mapping';
import { packageRoot, readEnvironment } from '#platform';
import { checkSchemas, loadSchemas, recordsReference } from '#schema';
import { ConfigurationError } from '#contracts';
import { EXIT, type Command } from '../io.ts';
import { configurationReference } from './configuration-reference.ts';
import { metricsReference, settingsReference, statusesReference, topicsReference } from './references.ts';

export const generate: Command = {
  name: 'generate',
  usage: '[--check]',
  summary: 'write what is made from tables in code: reference pages, editor schemas, schema lock',
  run: async (args, io) => {
    const only = args.includes('--check');
    if (args.some((arg) => arg !== '--check')) {
      io.err('usage: crossdock generate [--check]');
      return EXIT.usage;
    }
    const root = packageRoot();
    readEnvironment();
    const locked = checkSchemas({ root: join(root, 'schemas'), update: !only });
    if (locked.findings.length > 0) throw new ConfigurationError(locked.findings);
    const stale = [...(await files(root))].filter(([file, text]) => read(join(root, file)) !== text);
    if (only) {
      for (const [file] of stale) io.err(`${file} is not what the code says: run npm run generate`);
      if (locked.added.length > 0) io.err('schemas/registry.lock.json misses a version: run npm run generate');
      return stale.length + locked.added.length === 0 ? EXIT.ok : EXIT.failed;
    }
    for (const [file, text] of stale) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
      io.out(`wrote ${file}`);
    }
    for (const { name, version, id } of locked.added) io.out(`locked ${name} version ${version} as schema ${id}`);
    return EXIT.ok;
  },
};

/** Every generated file, relative to the repository, with what it has to hold. */
async function files(root: string): Promise<Map<string, string>> {
  const { apiReference } = await import('../../../console/src/api/reference.ts');
  const schemas = loadSchemas({ roots: [join(root, 'schemas')] });
  const { bundle } = checkMappings({ roots: [join(root, 'schemas')], schemas });
  const made = new Map<string, string>([
    ['docs/reference/settings.md', settingsReference()],
    ['docs/reference/configuration.md', configurationReference()],
    ['docs/reference/metrics.md', metricsReference()],
    ['docs/reference/statuses.md', statusesReference()],
    ['docs/reference/topics.md', topicsReference()],
    ['docs/reference/operators.md', operatorsReference()],
    ['docs/reference/api.md', apiReference()],
    ['docs/reference/records.md', recordsReference(schemas)],
  ]);
  for (const mapping of bundle.mappings.values())
    made.set(
      `schemas/mappings/editor/${mapping.name}.schema.json`,
      JSON.stringify(editorSchema(mapping, schemas), null, 2) + '\n',
    );
  return made;
}

function read(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
