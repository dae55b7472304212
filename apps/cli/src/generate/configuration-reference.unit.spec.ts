import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { configurationReference, settingsOf } from './configuration-reference.ts';

describe('the reference of crossdock.yaml', () => {
  it('has each setting with its unit, its default and what it does, those of blocks too', () => {
    const page = configurationReference();
    for (const start of [
      '| `budget.requestsPerMinute` | 1 to 1,000,000 | – | Most requests',
      '| `budget.concurrency` | 1 to 1,000 | `4` | Most requests open',
      '| `timeout` | duration | `30s` | How long',
      '| `retry.ladder` | list: duration | `[5s, 30s, 2m, 10m, 30m, 1h, 2h, 4h, 8h]` |',
      '| `breaker.failures` | percentage | `50%` |',
      '| `nature` | `state`, `fact` | required |',
      '| `settle` | duration | – | How long a request may still take effect',
      '| `auth.oauth2.clientSecret` | secret | required |',
      '| `record.version` | JSON pointer | `/version` |',
      '| `value.amount` | text | required |',
    ])
      expect(page).toContain(`\n${start}`);
  });

  it('is not made while a setting does not say what it does', () => {
    const form = z.strictObject({ retry: z.strictObject({ ladder: z.string() }).prefault({ ladder: '5s' }) });
    expect(() => settingsOf(form)).toThrow('does not describe retry.ladder');
  });
});
