/**
 * How a request ended, by the one question that matters for a resend: did bytes leave, and what came back?
 * Values, never exceptions; messages hold neither payload nor secret.
 */
export type HttpResult = Answered | NotSent | Unanswered;

export interface Answered {
  kind: 'answered';
  status: number;
  /** lower-case names; repeated headers joined with `, ` */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** from the moment the request was written */
  durationMs: number;
}

/** For sure no byte of the request reached the target. */
export interface NotSent {
  kind: 'not-sent';
  reason: NotSentReason;
  message: string;
}

export type NotSentReason =
  | 'refused'
  | 'dns'
  | 'tls'
  | 'connect-timeout'
  | 'connect'
  /** the address is private or loopback and the connection does not allow that */
  | 'private-address'
  /** the caller's signal, or its `onRequestStart` threw */
  | 'aborted'
  /** the client was closed */
  | 'closed'
  /** a request that can never be sent: a header or path with characters HTTP does not have */
  | 'invalid'
  /** the token endpoint refused our credentials */
  | 'credentials'
  /** the token endpoint could not be asked, or answered nothing usable */
  | 'token';

/** Bytes left, and no complete answer came: it may have taken effect. */
export interface Unanswered {
  kind: 'unanswered';
  reason: 'timeout' | 'reset' | 'aborted' | 'closed' | 'too-large' | 'truncated' | 'protocol';
  message: string;
  /** set when at least the head of the answer arrived */
  status?: number;
  headers?: Readonly<Record<string, string>>;
  durationMs: number;
}

export interface HttpRequest {
  method: string;
  /** below the base URL, starts with `/`, already percent-encoded */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | null;
  signal?: AbortSignal;
  /**
   * Called when the connection is there and nothing has been written yet; a throw means nothing is sent. Called again
   * when the same request is repeated with a fresh token after a 401.
   */
  onRequestStart?(): void;
}
