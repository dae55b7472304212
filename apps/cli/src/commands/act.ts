import { EXIT, type Io } from '../io.ts';
import { ApiProblem, type Api, type ExactBody } from './api.ts';

export interface Act {
  /** for people: `retry delivery 12` */
  what: string;
  method: 'POST' | 'PUT' | 'DELETE';
  path: string;
  body: Record<string, unknown> | ExactBody;
}

/** Orders one thing after the other and says what became of each. 0 all done, 1 none, 3 some. Ordered but not done yet counts as done. */
export async function act(
  acts: readonly Act[],
  api: Api,
  io: Io,
  options: { json: boolean; dryRun: boolean },
): Promise<number> {
  const results: Record<string, unknown>[] = [];
  let failed = 0;
  for (const { what, method, path, body } of acts) {
    if (options.dryRun) {
      results.push({ what, dryRun: true, method, path, body });
      if (!options.json) io.out(`would ${what}`);
      continue;
    }
    try {
      const answer = await api.call<Record<string, unknown>>(method, path, body);
      results.push({ what, ...answer.body });
      if (!options.json)
        io.out(
          answer.status === 200
            ? `done: ${what}${detail(answer.body['result'])}`
            : `ordered: ${what} (command ${String(answer.body['commandId'])})`,
        );
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status === 0 || error.status === 401) throw error;
      failed += 1;
      results.push({ what, code: error.code, refused: error.message });
      if (!options.json) io.err(`refused: ${what}: ${error.message}`);
    }
  }
  if (options.json) io.out(JSON.stringify({ results }));
  if (failed === 0) return EXIT.ok;
  return failed === acts.length ? EXIT.failed : EXIT.partly;
}

function detail(result: unknown): string {
  if (typeof result !== 'object' || result === null) return '';
  const parts = Object.entries(result).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  return parts.length === 0 ? '' : ` (${parts.map(([name, value]) => `${name} ${String(value)}`).join(', ')})`;
}
