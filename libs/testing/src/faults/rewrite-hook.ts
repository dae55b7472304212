import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import type { RewritePlan } from './rewrite.ts';

// Loaded before the product by `node --import`, see `changed()` in rewrite.ts: the plan stands in this module's own URL.
// Whatever does not fit ends the process before the product begins.

declare global {
  var crossdockPasses: (point: string) => void;
}

const own = new URL(import.meta.url);
const { rewrites, crashes } = JSON.parse(Buffer.from(own.search.slice(1), 'base64url').toString()) as RewritePlan;
const dist = new URL('../../../../', own);

const texts = new Map<string, string>();
for (const { file, find, replace } of rewrites) {
  const url = new URL(file, dist).href;
  const text = texts.get(url) ?? readFileSync(new URL(url), 'utf8');
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times what is to be replaced: ${find}`);
  texts.set(url, parts.join(replace));
}

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const source = texts.get(url);
    return source === undefined ? loaded : { ...loaded, source };
  },
});

const passed = new Map<string, number>();
const kill = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
globalThis.crossdockPasses = (point) => {
  const times = (passed.get(point) ?? 0) + 1;
  passed.set(point, times);
  const crash = crashes.find((each) => each.point === point && (each.nth ?? 1) === times);
  if (crash?.afterMs !== undefined) setTimeout(kill, crash.afterMs);
  else if (crash !== undefined) kill();
};
