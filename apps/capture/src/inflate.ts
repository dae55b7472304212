import { brotliDecompress, gunzip, inflate } from 'node:zlib';

/** Bytes: the bound on a request, before and after inflating. A full order with a thousand lines has a fifth of it. */
export const MAX_BYTES = 1024 * 1024;

export type Inflated =
  { ok: true; body: Buffer } | { ok: false; status: 400 | 413 | 415; code: string; detail: string };

/** The body as the sender wrote it. Never makes more than the bound of it, however small the bytes that came. */
export async function inflateBody(body: Buffer, encoding: string | undefined): Promise<Inflated> {
  const name = (encoding ?? 'identity').trim().toLowerCase();
  if (name === 'identity' || name === '') return { ok: true, body };
  const decode = DECODERS.get(name);
  if (decode === undefined)
    return {
      ok: false,
      status: 415,
      code: 'CROSSDOCK_CAPTURE_CONTENT_ENCODING',
      detail: `send the body plain or with one of ${[...DECODERS.keys()].join(', ')}`,
    };
  return new Promise((resolve) => {
    decode(body, { maxOutputLength: MAX_BYTES }, (error, inflated) => {
      if (!error) return resolve({ ok: true, body: inflated });
      if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return resolve(tooLarge('inflated, the body'));
      resolve({
        ok: false,
        status: 400,
        code: 'CROSSDOCK_CAPTURE_CONTENT_ENCODING',
        detail: `the body is not ${name}`,
      });
    });
  });
}

export function tooLarge(what: string): Extract<Inflated, { ok: false }> {
  return { ok: false, status: 413, code: 'CROSSDOCK_CAPTURE_TOO_LARGE', detail: `${what} is over ${MAX_BYTES} bytes` };
}

type Decode = (
  body: Buffer,
  options: { maxOutputLength: number },
  done: (error: Error | null, inflated: Buffer) => void,
) => void;
const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', gunzip],
  ['deflate', inflate],
  ['br', brotliDecompress],
]);
