import { readEnvironment } from '#platform';
import { counted } from '../commands/text.ts';
import { EXIT, type Command } from '../io.ts';
import { checkProject } from './project.ts';

export const check: Command = {
  name: 'check',
  usage: '',
  summary: 'check configuration, schemas, mappings and cases together',
  run: async (_args, io) => {
    const { configuration, bundle } = await checkProject(readEnvironment());
    const cases = [...bundle.cases.keys()].length;
    io.out(
      `all good: ${counted(configuration.connections.size, 'connection', 'connections')}, ${counted(configuration.flows.size, 'flow', 'flows')}, ` +
        `${counted(bundle.mappings.size, 'mapping', 'mappings')} (${cases} with cases), bundle ${bundle.hash.slice(0, 12)}`,
    );
    return EXIT.ok;
  },
};
