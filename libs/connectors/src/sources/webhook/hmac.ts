import { createHmac } from 'node:crypto';
import type { RawRequest, Secret, Verified } from '#contracts';
import type { HmacSettings } from './settings.ts';
import { anyEqual, checkFreshness, refuse } from './signature.ts';
import { parseTemplate } from './template.ts';
import { instantMs } from './time.ts';

/**
 * A keyed hash in a header. The secret's text is the key, byte for byte. Without a timestamp header nothing says how old
 * a request is: a repeat is then caught by its event id alone.
 */
export function hmacSignature(
  secrets: readonly Secret[],
  settings: HmacSettings,
  toleranceMs: number,
  idHeader: string | undefined,
): (request: RawRequest, now: Date) => Verified {
  const { header, algorithm, encoding, prefix, timestampHeader } = settings;
  const template = settings.signed ?? (timestampHeader === undefined ? '{body}' : '{timestamp}.{body}');
  const parts = parseTemplate(template, { timestamp: timestampHeader, id: idHeader });
  const keys = secrets.map((secret) => Buffer.from(secret.reveal()));
  const strip = (text: string): string | undefined => {
    if (prefix !== undefined) return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
    return text.startsWith(`${algorithm}=`) ? text.slice(algorithm.length + 1) : text;
  };
  return (request, now) => {
    const signature = request.headers[header];
    if (!signature) return refuse('SIGNATURE_MISSING', `send the signature in ${header}`);
    const timestamp = timestampHeader === undefined ? undefined : request.headers[timestampHeader];
    if (timestampHeader !== undefined && !timestamp)
      return refuse('SIGNATURE_MISSING', `send the time of the attempt in ${timestampHeader}`);
    const presented = signature
      .split(/[\s,]+/)
      .flatMap((each) => strip(each) ?? [])
      .map((each) => (encoding === 'hex' ? each.toLowerCase() : each));
    const expected = keys.map((key) => {
      const hash = createHmac(algorithm, key);
      for (const part of parts)
        if (part === 'body') hash.update(request.body);
        else if ('text' in part) hash.update(part.text);
        else hash.update(request.headers[part.header] ?? '', 'latin1');
      return hash.digest(encoding);
    });
    if (!anyEqual(presented, expected)) return refuse('SIGNATURE', 'no signature matches');
    if (timestamp === undefined) return { ok: true };
    const sentAt = instantMs(timestamp);
    if (sentAt === undefined)
      return refuse('TIMESTAMP', `${timestampHeader} must be Unix time in seconds or milliseconds, or ISO 8601`);
    return checkFreshness(sentAt, now, toleranceMs);
  };
}
