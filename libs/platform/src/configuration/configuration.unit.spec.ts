import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, Secret } from '#contracts';
import { parseConfiguration } from './load.ts';

const sources = {
  home: '/nowhere',
  data: '/nowhere',
  variable: (name: string) => (name === 'TOKEN' ? 't0ken' : undefined),
};
const parse = (text: string) => parseConfiguration('crossdock.yaml', text, sources);

const GOOD = `version: 1
tenant: acme
connections:
  crm: { connector: webhook, settings: { scheme: none } }
  erp:
    connector: rest
    settings: { auth: { bearer: { env: TOKEN } } }
flows:
  orders: { on: crm.order, to: erp, mapping: order-to-erp, freshness: 30s }
`;

function findingsOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigurationError)
      return error.findings.map((f) => `${f.line}:${f.column} ${f.message}${f.suggestion ? ` (${f.suggestion})` : ''}`);
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('fills in the documented defaults', () => {
    const configuration = parse(GOOD);
    const erp = configuration.connections.get('erp')!;
    expect(erp.budget).toEqual({ requestsPerMinute: undefined, concurrency: 4 });
    expect(erp.timeoutMs).toBe(30_000);
    expect(erp.retry.ladderMs).toHaveLength(9);
    expect(configuration.flows.get('orders')).toMatchObject({ entity: 'order', from: ['crm'], freshnessMs: 30_000 });
  });

  it('resolves secrets and never shows them', () => {
    const settings = parse(GOOD).connections.get('erp')!.settings as { auth: { bearer: Secret } };
    expect(settings.auth.bearer.reveal()).toBe('t0ken');
    expect(JSON.stringify(settings)).not.toContain('t0ken');
  });

  it('knows flows on results: by default of every flow on events, and only of the sources they name', () => {
    const back = '  back: { on: sync.result, from: [crm], to: erp, mapping: m }';
    const flow = parse(`${GOOD.trimEnd()}\n${back}\n`).flows.get('back');
    expect(flow).toMatchObject({ entity: 'sync-result', from: ['crm'], of: ['orders'] });
    expect(parse(GOOD).flows.get('orders')!.of).toBeUndefined();
    for (const [wrong, message] of [
      [back.replace('from: [crm], ', ''), /a flow on sync.result needs "from"/],
      [back.replace('to: erp', 'of: [order], to: erp'), /there is no flow "order" on events.*did you mean "orders"/],
      [back.replace('to: erp', 'of: [back], to: erp'), /there is no flow "back" on events/],
      [
        back.replace('sync.result', 'crm.order').replace('to: erp', 'of: [orders], to: erp'),
        /"of" is for flows on sync.result/,
      ],
    ] as const)
      expect(findingsOf(`${GOOD.trimEnd()}\n${wrong}\n`).join('\n')).toMatch(message);
  });

  it.each([
    [
      'an unknown key',
      GOOD.replace('freshness', 'freshnes'),
      /^9:\d+ "freshnes" is not known here \(did you mean "freshness"\?\)/,
    ],
    ['a missing key', GOOD.replace('tenant: acme\n', ''), /"tenant" is missing/],
    ['a duration without its unit', GOOD.replace('30s', '30'), /^9:\d+ has to be a text, for example 30s/],
    ['a duration that is none', GOOD.replace('30s', '30 sec'), /^9:\d+ "30 sec" is not a duration/],
    [
      'an unknown target',
      GOOD.replace('to: erp', 'to: erq'),
      /^9:\d+ there is no target connection "erq" \(did you mean "erp"\?\)/,
    ],
    [
      'an unknown entity',
      GOOD.replace('crm.order', 'crm.orders'),
      /^9:\d+ "crm.orders" is none of .*did you mean "crm.order"/,
    ],
    ['a secret that is not set', GOOD.replace('TOKEN', 'TOKEM'), /^7:\d+ the environment variable TOKEM is not set/],
    [
      'a reserve that is the whole quota',
      GOOD.replace('connector: rest', 'connector: rest\n    budget: { dailyQuota: 5, reserve: 100% }'),
      /^7:\d+ leaves nothing of the 5 requests/,
    ],
    [
      'a reserve of no quota',
      GOOD.replace('connector: rest', 'connector: rest\n    budget: { reserve: 5 }'),
      /^7:\d+ is a part of dailyQuota, which is missing/,
    ],
    [
      'a reserve that is neither a number nor a share',
      GOOD.replace('connector: rest', 'connector: rest\n    budget: { dailyQuota: 5, reserve: some }'),
      /^7:\d+ has to be a number of requests, or a percentage/,
    ],
    ['a bad name', GOOD.replace('  orders:', '  Orders_1:'), /^9:\d+ a name is made of a-z/],
    ['broken YAML', GOOD + '\n  - [', /^\d+:\d+ /],
    [
      'two sources that could give one id',
      GOOD.replace('connections:', 'connections:\n  other: { connector: outbox, idPrefix: "a-" }'),
      /crm and other both feed order|other and crm both feed order/,
    ],
  ])('names %s with line and column', (_, text, expected) => {
    expect(findingsOf(text).join('\n')).toMatch(expected);
  });

  it('takes a daily quota whose reserve is a number or a share', () => {
    const budget = (reserve: string) =>
      parse(
        GOOD.replace('connector: rest', `connector: rest\n    budget: { dailyQuota: 990, reserve: ${reserve} }`),
      ).connections.get('erp')!.budget;
    expect(budget('40')).toMatchObject({ dailyQuota: 990, reserve: 40 });
    expect(budget('10%')).toMatchObject({ dailyQuota: 990, reserve: 99 });
  });

  it('shows all mistakes at once', () => {
    expect(
      findingsOf(GOOD.replace('freshness', 'freshnes').replace('30s', '30').replace('version: 1', 'version: 2')),
    ).toHaveLength(2);
  });
});
