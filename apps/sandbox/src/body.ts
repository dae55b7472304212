/** A JSON object as it came, and read. */
export interface Body {
  text: string;
  fields: Readonly<Record<string, unknown>>;
}

/** Undefined when the bytes are no JSON object. */
export function readBody(bytes: unknown): Body | undefined {
  if (!Buffer.isBuffer(bytes)) return undefined;
  const text = bytes.toString('utf8').trim();
  try {
    const fields: unknown = JSON.parse(text);
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return undefined;
    return { text, fields: fields as Record<string, unknown> };
  } catch {
    return undefined;
  }
}

/** A text field, empty where it is none. */
export function textField(body: Body | undefined, name: string): string {
  const value = body?.fields[name];
  return typeof value === 'string' ? value : '';
}

/** Puts fields in front of a JSON object's text, so that every digit behind them stays as it came. */
export function withFields(front: string, objectText: string): string {
  const rest = objectText.trim().slice(1);
  return `{${front}${/^\s*\}/.test(rest) ? '' : ','}${rest}`;
}
