import { nearest } from '#contracts';
import { runCases, type Bundle } from '#mapping';
import { readEnvironment } from '#platform';
import { checkMappingsAlone } from '../check/project.ts';
import { EXIT, type Command, type Io } from '../io.ts';

const USAGE = 'usage: crossdock mapping test [name] [--json] | crossdock mapping explain <name> [--json]';

export const mapping: Command = {
  name: 'mapping',
  usage: 'test [name] | explain <name>',
  summary: 'run the cases of mappings, or show where each field comes from',
  run: async (args, io) => {
    const json = args.includes('--json');
    const [what, name, ...more] = args.filter((arg) => arg !== '--json');
    if ((what !== 'test' && what !== 'explain') || more.length > 0 || (what === 'explain' && !name)) {
      io.err(USAGE);
      return EXIT.usage;
    }
    const bundle = checkMappingsAlone(readEnvironment());
    if (name !== undefined && !bundle.mappings.has(name)) {
      const near = nearest(name, bundle.mappings.keys());
      io.err(`there is no mapping "${name}"${near ? `, did you mean "${near}"?` : ''}`);
      return EXIT.usage;
    }
    return what === 'test' ? test(bundle, name, json, io) : explain(bundle, name!, json, io);
  },
};

function test(bundle: Bundle, name: string | undefined, json: boolean, io: Io): number {
  const names = name === undefined ? [...bundle.mappings.keys()] : [name];
  const results = names.flatMap((one) => runCases(bundle, one).map((result) => ({ mapping: one, ...result })));
  const failed = results.filter((result) => !result.passed);
  if (json) io.out(JSON.stringify({ results }, null, 2));
  else {
    for (const result of failed)
      io.out(`${result.file}:${result.line}: ${result.name}\n${result.difference.replace(/^/gm, '    ')}`);
    io.out(`${results.length - failed.length} passed, ${failed.length} failed`);
  }
  return failed.length === 0 ? EXIT.ok : EXIT.failed;
}

function explain(bundle: Bundle, name: string, json: boolean, io: Io): number {
  const explanation = bundle.explain(name);
  if (json) {
    io.out(JSON.stringify(explanation, null, 2));
    return EXIT.ok;
  }
  io.out(`${explanation.mapping}: ${explanation.from} -> ${explanation.to}`);
  for (const field of explanation.fields) io.out(`  ${field.target.padEnd(28)} <- ${field.by} (line ${field.line})`);
  if (explanation.unread.length > 0) io.out(`not read: ${explanation.unread.join(', ')}`);
  return EXIT.ok;
}
