import type { Split } from '#contracts';
import { JsonError, parseExactJson, type Json } from '#schema';

type Refused = Extract<Split, { ok: false }>;
export type Parsed = { ok: true; json: Json; text: string } | Refused;

const CODES: Partial<Record<JsonError['problem'], string>> = {
  DUPLICATE_KEY: 'DUPLICATE_KEY',
  PROTO_KEY: 'PROTO_KEY',
};

export function parseBody(bytes: Buffer): Parsed {
  try {
    return { ok: true, json: parseExactJson(bytes), text: bytes.toString('utf8') };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return refuseBody(CODES[error.problem] ?? 'JSON', `the body is refused: ${error.message}`);
  }
}

export function refuseBody(what: string, detail: string): Refused {
  return { ok: false, status: 400, code: `CROSSDOCK_CAPTURE_${what}`, detail };
}

export function refuseContentType(expected: string): Refused {
  return {
    ok: false,
    status: 415,
    code: 'CROSSDOCK_CAPTURE_CONTENT_TYPE',
    detail: `send ${expected}, in UTF-8`,
  };
}

/** The media type without parameters, lower case. Undefined where it names a charset that is not UTF-8. */
export function mediaType(header: string | undefined): string | undefined {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const charset = parameters.map((each) => each.trim()).find((each) => each.startsWith('charset='));
  if (charset !== undefined && !/^charset="?(utf-8|utf8|us-ascii)"?$/.test(charset)) return undefined;
  return type.trim();
}

/** `application/json` and everything that ends in `+json`. */
export function isJsonType(type: string | undefined): boolean {
  return type !== undefined && /^(application|text)\/(json|[a-z0-9!#$&^_.+-]+\+json)$/.test(type);
}
