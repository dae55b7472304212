import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import { isPrivate, PrivateAddressError, publicLookup } from './address.ts';

/**
 * Opens the sockets of one client. HTTP/1.1 only: with one request per connection it is known which bytes left, which
 * a multiplexed connection does not say. Unless private addresses are allowed, the name's addresses are checked where
 * the socket resolves it, and the peer once more when the connection stands.
 */
export function connector(options: { allowPrivate: boolean; connectTimeoutMs: number }): buildConnector.connector {
  const base = { allowH2: false, timeout: options.connectTimeoutMs };
  if (options.allowPrivate) return buildConnector(base);
  const connect = buildConnector({ ...base, lookup: publicLookup });
  return (target, callback) => {
    if (isIP(target.hostname) !== 0 && isPrivate(target.hostname))
      return callback(new PrivateAddressError(target.hostname), null);
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      if (!isPrivate(socket.remoteAddress ?? '')) return callback(null, socket);
      socket.destroy();
      callback(new PrivateAddressError(target.hostname), null);
    });
  };
}
