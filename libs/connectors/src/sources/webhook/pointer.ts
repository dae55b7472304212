import { isJsonObject, jsonObject, type Json } from '#schema';

/** RFC 6901. Undefined where nothing stands. */
export function valueAt(json: Json, pointer: string): Json | undefined {
  let at: Json | undefined = json;
  for (const step of steps(pointer)) {
    if (Array.isArray(at)) at = /^(0|[1-9]\d{0,8})$/.test(step) ? at[Number(step)] : undefined;
    else if (isJsonObject(at)) at = at[step];
    else return undefined;
  }
  return at;
}

/** The same tree without what stands there; the original is left as it is. */
export function without(json: Json, pointer: string): Json {
  return remove(json, steps(pointer));
}

function remove(json: Json, path: readonly string[]): Json {
  const [step, ...rest] = path;
  if (step === undefined) return null;
  if (Array.isArray(json)) return json.map((item, index) => (String(index) === step ? remove(item, rest) : item));
  if (!isJsonObject(json) || !(step in json)) return json;
  const entries = Object.entries(json);
  return jsonObject(
    rest.length === 0
      ? entries.filter(([name]) => name !== step)
      : entries.map(([name, value]) => [name, name === step ? remove(value, rest) : value] as const),
  );
}

function steps(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}
