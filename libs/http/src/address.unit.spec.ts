import { describe, expect, it } from '@jest/globals';
import { isPrivate, publicLookup } from './address.ts';

describe('an address', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '::1',
    '::',
    'fe80::1%eth0',
    'fd00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::FFFF:10.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:7f00:1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'not an address',
    '',
  ])('%s is private', (address) => {
    expect(isPrivate(address)).toBe(true);
  });

  it.each([
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '8.8.8.8',
    '2606:4700:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
  ])('%s is public', (address) => {
    expect(isPrivate(address)).toBe(false);
  });
});

describe('the lookup of sockets', () => {
  const look = (name: string, all: boolean) =>
    new Promise((resolve) => publicLookup(name, { all }, (error, ...found) => resolve(error?.message ?? found)));

  it('gives the addresses it checked, in the form the socket asks for', async () => {
    expect(await look('8.8.8.8', true)).toEqual([[{ address: '8.8.8.8', family: 4 }]]);
    expect(await look('2606:4700:4700::1111', false)).toEqual(['2606:4700:4700::1111', 6]);
  });

  it('gives none when they are all private, and says how to permit it', async () => {
    expect(await look('10.0.0.1', true)).toMatch(/^10\.0\.0\.1 is a private.*allowPrivate/);
    expect(await look('::1', false)).toMatch(/private/);
  });
});
