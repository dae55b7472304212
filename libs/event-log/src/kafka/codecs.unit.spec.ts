import { expect, it } from '@jest/globals';
import { refuseUnreadable } from './codecs.ts';

it('refuses a topic that the broker compresses with zstd where Node has none, and names topic, setting and way out', () => {
  expect(() => refuseUnreadable('crm.order.v1', 'zstd', false)).toThrow(
    expect.objectContaining({
      code: 'CROSSDOCK_LOG_TOPIC_DRIFT',
      message: expect.stringMatching(
        /^crm\.order\.v1: compression\.type is zstd, .* set compression\.type .* to producer/,
      ),
    }),
  );
  for (const type of ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', undefined])
    expect(() => refuseUnreadable('crm.order.v1', type, false)).not.toThrow();
  expect(() => refuseUnreadable('crm.order.v1', 'zstd', true)).not.toThrow();
});
