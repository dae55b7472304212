/** What a sender signs, as parts: fixed text, a header's value, or the body's exact bytes. */
export type SignedPart = { text: string } | { header: string } | 'body';

const PART = /\{(timestamp|id|body|header:[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100})\}/g;

/** Why a `signed` setting is none, or undefined. */
export function templateProblem(template: string): string | undefined {
  const names = [...template.matchAll(PART)].map((match) => match[1]);
  const rest = template.replaceAll(PART, '');
  if (/[{}]/.test(rest)) return 'knows only {timestamp}, {id}, {header:NAME} and {body}';
  return names.includes('body') ? undefined : 'must contain {body}';
}

/** Throws nothing: the template passed `templateProblem`. */
export function parseTemplate(template: string, names: { timestamp?: string; id?: string }): SignedPart[] {
  const parts: SignedPart[] = [];
  let from = 0;
  for (const match of template.matchAll(PART)) {
    if (match.index > from) parts.push({ text: template.slice(from, match.index) });
    from = match.index + match[0].length;
    const name = match[1]!;
    if (name === 'body') parts.push('body');
    else if (name === 'timestamp') parts.push({ header: names.timestamp ?? '' });
    else if (name === 'id') parts.push({ header: names.id ?? '' });
    else parts.push({ header: name.slice('header:'.length).toLowerCase() });
  }
  if (from < template.length) parts.push({ text: template.slice(from) });
  return parts;
}
