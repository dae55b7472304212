import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '#contracts';
import { readEnvironment } from './environment.ts';

function complaints(env: Record<string, string>): string {
  try {
    readEnvironment(env);
    return '';
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
}

describe('the environment', () => {
  it('has the documented defaults', () => {
    expect(readEnvironment({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      metricsPort: 9464,
      sandboxPort: 8090,
      sandbox: true,
    });
  });

  it('switches the sandbox off when the user brings a home of his own', () => {
    expect(readEnvironment({ CROSSDOCK_HOME: '/etc/crossdock' }).sandbox).toBe(false);
    expect(readEnvironment({ CROSSDOCK_HOME: '/etc/crossdock', CROSSDOCK_SANDBOX: 'on' }).sandbox).toBe(true);
  });

  it.each([
    [
      'an unknown name, with the one that was meant',
      { CROSSDOCK_PROT: '1' },
      /CROSSDOCK_PROT: is not a setting.*CROSSDOCK_PORT/,
    ],
    ['a port that is none', { CROSSDOCK_PORT: '80800' }, /CROSSDOCK_PORT: "80800" is not a port/],
    ['another address without a token', { CROSSDOCK_HOST: '0.0.0.0' }, /CROSSDOCK_API_TOKEN is not set/],
    ['a broker without a port', { KAFKA_BROKERS: 'kafka' }, /"kafka" is not host:port/],
    ['half a login', { KAFKA_SASL_MECHANISM: 'plain' }, /needs KAFKA_SASL_USERNAME/],
    ['a word that is none of the known', { CROSSDOCK_SANDBOX: 'yes' }, /"yes" is none of on, off/],
  ])('refuses %s', (_, env, expected) => {
    expect(complaints(env as Record<string, string>)).toMatch(expected);
  });

  it('names every mistake at once', () => {
    expect(complaints({ CROSSDOCK_PORT: 'x', CROSSDOCK_SANDBOX: 'y', CROSSDOCK_Z: '1' }).split('\n')).toHaveLength(3);
  });

  it('keeps secrets out of whatever is printed', () => {
    const environment = readEnvironment({ CROSSDOCK_API_TOKEN: 'very-secret' });
    expect(JSON.stringify(environment)).not.toContain('very-secret');
    expect(environment.apiToken!.reveal()).toBe('very-secret');
  });
});
