import type { NotSentReason, Unanswered } from './result.ts';

/** Names a failure before the first byte. The messages are ours: a library's text may quote what was sent. */
export function notSentReason(error: Error): [NotSentReason, string] {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return ['refused', 'connection refused'];
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENODATA')
    return ['dns', `the host name could not be resolved (${code})`];
  if (code === 'CROSSDOCK_HTTP_PRIVATE_ADDRESS') return ['private-address', error.message];
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT')
    return ['connect-timeout', 'no connection within the time allowed'];
  if (code === 'UND_ERR_INVALID_ARG') return ['invalid', `the request cannot be sent: ${error.message}`];
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED') return ['closed', 'the client is closed'];
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/.test(code))
    return ['tls', `TLS failed (${code})`];
  return ['connect', `no connection (${code || error.name})`];
}

/** Names a failure after bytes left. `headArrived`: status and headers were there, the body was cut. */
export function unansweredReason(error: Error, headArrived: boolean): [Unanswered['reason'], string] {
  const code = codeOf(error);
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED')
    return ['closed', 'the client was closed while waiting for the answer'];
  if (headArrived) return ['truncated', `the answer was cut off (${code || error.name})`];
  if (error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW')
    return ['protocol', `the answer is not HTTP (${code || error.name})`];
  return ['reset', `the connection broke before an answer came (${code || error.name})`];
}

/** Node wraps the failures of several addresses of one name into an AggregateError without a code of its own. */
function codeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) {
    const first: unknown = error.errors[0];
    if (first instanceof Error) return codeOf(first);
  }
  return '';
}
