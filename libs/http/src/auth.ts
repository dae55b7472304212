import { Secret } from '#contracts';

/** How a connection proves who it is. Names may come from where secrets come from. Revealed below and nowhere else. */
export type Auth =
  | { bearer: Secret }
  | { basic: { username: string | Secret; password: Secret } }
  | { header: { name: string; value: Secret } }
  | { oauth2: OAuth2 };

/** RFC 6749 section 4.4, client credentials. */
export interface OAuth2 {
  tokenUrl: string;
  clientId: string | Secret;
  clientSecret: Secret;
  scope?: string;
  audience?: string;
  /** where the client's credentials go; `basic` is what RFC 6749 section 2.3.1 asks servers to support */
  credentials: 'basic' | 'body';
}

/** The header of every scheme that needs no conversation first. */
export function staticHeader(auth: Exclude<Auth, { oauth2: OAuth2 }>): Record<string, string> {
  if ('bearer' in auth) return { authorization: `Bearer ${auth.bearer.reveal()}` };
  if ('header' in auth) return { [auth.header.name.toLowerCase()]: auth.header.value.reveal() };
  return { authorization: basic(plain(auth.basic.username), auth.basic.password) };
}

export function basic(user: string, password: Secret): string {
  return `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString('base64')}`;
}

export const plain = (name: string | Secret): string => (name instanceof Secret ? name.reveal() : name);
