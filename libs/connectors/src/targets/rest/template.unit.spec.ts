import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fill, recordIdOf, withRequestKey } from './template.ts';

const values = { key: 'acme:order:7', id: 'SO-1', requestKey: 'r' };

describe('a path template', () => {
  it('puts key, id and request key in, percent-encoded', () => {
    expect(fill('/o/{id}/{requestKey}?x={key}', { ...values, requestKey: 'a:adopt' })).toBe(
      '/o/SO-1/a%3Aadopt?x=acme%3Aorder%3A7',
    );
    expect(fill('/o/{key}', { ...values, key: "a/b?c#d&e=ü 'x'(1)*!" })).toBe(
      '/o/a%2Fb%3Fc%23d%26e%3D%C3%BC%20%27x%27%281%29%2A%21',
    );
  });

  it.each(['.', '..', '', '\ud800'])('refuses %j, which cannot stand in a path', (id) => {
    expect(fill('/o/{id}', { ...values, id })).toBeUndefined();
  });

  it('refuses a missing id', () => {
    expect(fill('/o/{id}', { key: 'k', requestKey: 'r' })).toBeUndefined();
  });

  it('puts values in once: a placeholder inside a value stays text', () => {
    expect(fill('/o/{key}', { ...values, key: '{id}$&' })).toBe('/o/%7Bid%7D%24%26');
  });

  it('knows the id that a record has at its source, for the connection that writes back there', () => {
    expect(recordIdOf('acme:order:sb-op-1', 'sb-')).toBe('op-1');
    expect(recordIdOf('acme:order:a:b\nc', '')).toBe('a:b\nc');
    expect(recordIdOf('acme:order:ev-1', 'sb-')).toBeUndefined(); // a record of another source
    expect(recordIdOf('no key', '')).toBeUndefined();
    expect(fill('/o/{recordId}', { ...values, recordId: recordIdOf('acme:order:ev-1', 'sb-') })).toBeUndefined();
    expect(fill('/o/{recordId}/sync', { ...values, recordId: '../x' })).toBe('/o/..%2Fx/sync');
  });

  it('gives every key a segment of its own that decodes to it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 3 }), (key) => {
        const path = fill('/a/{key}/b', { ...values, key })!;
        const segments = path.split('/');
        expect(segments).toHaveLength(4);
        expect(decodeURIComponent(segments[2]!)).toBe(key);
        expect(path).toMatch(/^[A-Za-z0-9\-._~%/]+$/);
      }),
    );
  });
});

describe('a body', () => {
  it('gets the request key where a value is $requestKey, and nowhere else', () => {
    const body = '{"id": "$requestKey","note":"say \\"$requestKey\\" twice: $requestKey","n":1.10}';
    expect(withRequestKey(body, 'a$&:r2')).toBe(
      '{"id": "a$&:r2","note":"say \\"$requestKey\\" twice: $requestKey","n":1.10}',
    );
  });
});
