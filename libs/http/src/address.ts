import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Addresses that are not the public internet: IANA's special-purpose registries (RFC 6890 and its updates), plus the
 * prefixes that carry an IPv4 address inside an IPv6 one and could smuggle a private one past the check.
 */
const SPECIAL = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  SPECIAL.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  SPECIAL.addSubnet(net, prefix, 'ipv6');

/** Whether the address is private, loopback, link-local or otherwise not public. What is no address at all counts as such. */
export function isPrivate(address: string): boolean {
  const plain = address.replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return isPrivate(mapped);
  const family = isIP(plain);
  if (family === 0) return true;
  if (family === 6 && /^(0{0,4}:){1,5}:?ffff:/i.test(plain)) return true; // a mapped address in hexadecimal form
  return SPECIAL.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

/** Thrown into the connect when the name stands for nothing but private addresses. */
export class PrivateAddressError extends Error {
  readonly code = 'CROSSDOCK_HTTP_PRIVATE_ADDRESS';
  constructor(host: string) {
    super(`${host} is a private or loopback address; allowPrivate: true on the connection permits it`);
  }
}

/**
 * DNS for sockets: the addresses that are checked are the ones that are connected to, so a name that answers
 * differently the second time (DNS rebinding) gains nothing.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, []);
    const allowed = found.filter(({ address }) => !isPrivate(address));
    const first = allowed[0];
    if (first === undefined) return callback(new PrivateAddressError(hostname), []);
    if (options.all === true) callback(null, allowed);
    else callback(null, first.address, first.family);
  });
};
