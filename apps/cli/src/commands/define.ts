import { parseArgs, type ParseArgsConfig } from 'node:util';
import { EXIT, type Command, type Io } from '../io.ts';
import { ApiProblem, openApi, type Api } from './api.ts';

/** What a person wrote wrong: said in one line with the usage. */
export class UsageError extends Error {}

export interface Given {
  words: string[];
  /** `--name value` */
  text(name: string): string | undefined;
  /** `--name` */
  flag(name: string): boolean;
}

export interface Call extends Given {
  io: Io;
  api: Api;
  /** `--json` */
  json: boolean;
}

export interface Definition {
  name: string;
  usage: string;
  summary: string;
  /** names of `--name value` and of `--name` */
  texts?: readonly string[];
  flags?: readonly string[];
  run(call: Call): Promise<number>;
}

/** Every command here takes `--url` and `--json`, and ends the same way when the API refuses or is not there. */
export function define(definition: Definition): Command {
  const { name, summary, texts = [], flags = [] } = definition;
  const usage = `${definition.usage} [--json] [--url <address>]`.trim();
  return {
    name,
    usage: definition.usage.split(/ ?[[|]? ?--/)[0]!.trim(), // "crossdock help" shows the words, a mistake shows all options
    summary,
    run: async (args, io) => {
      try {
        if (args.includes('--help') || args.includes('-h')) {
          io.out(`crossdock ${name} ${usage}\n  ${summary}`);
          return EXIT.ok;
        }
        const given = parse(args, [...texts, 'url'], [...flags, 'json']);
        const json = given.flag('json');
        return await definition.run({ ...given, io, json, api: openApi(given.text('url')) });
      } catch (error) {
        if (error instanceof UsageError) {
          io.err(`crossdock ${name}: ${error.message}; usage: crossdock ${name} ${usage}`);
          return EXIT.usage;
        }
        if (error instanceof ApiProblem) {
          io.err(`crossdock ${name}: ${error.message}`);
          return EXIT.failed;
        }
        throw error;
      }
    },
  };
}

function parse(args: readonly string[], texts: readonly string[], flags: readonly string[]): Given {
  const options: ParseArgsConfig['options'] = {};
  for (const text of texts) options[text] = { type: 'string' };
  for (const flag of flags) options[flag] = { type: 'boolean' };
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return {
      words: positionals,
      text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
      flag: (name) => values[name] === true,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split('. ')[0]!.replace(/\.$/, ''));
  }
}

/** `?a=b` of what is there. */
export function query(parts: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parts).filter((part): part is [string, string] => part[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
