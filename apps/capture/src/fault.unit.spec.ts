import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { CrossdockError } from '#contracts';
import { fault, isAway } from './fault.ts';

const PRIVATE = 'Jane Roe, 4111 1111';
const ofPostgres = (code: string) =>
  Object.assign(new Error(`invalid value: "${PRIVATE}"`), {
    severity: 'ERROR',
    code,
    detail: `Failing row contains (${PRIVATE}).`,
    where: PRIVATE,
    table: 'captured',
    constraint: 'captured_status_check',
  });

describe('a fault that reaches the log', () => {
  it('says where PostgreSQL refused and nothing of what it refused', () => {
    const told = fault('keeping a request', ofPostgres('23514'));
    expect(told.message).toBe(
      'keeping a request failed: SQLSTATE 23514 (table captured, constraint captured_status_check)',
    );
    expect(inspect(told, { depth: 9, showHidden: true })).not.toContain(PRIVATE);
  });

  it('is handed on as it is when it is not from PostgreSQL', () => {
    const own = new TypeError('x is not a function');
    expect(fault('keeping a request', own)).toBe(own);
  });
});

describe('a database that may do it later', () => {
  it.each(['08006', '57P01', '53100', '53200', '25006', '40P01', '40001', 'ECONNREFUSED'])('is told by %s', (code) => {
    expect(isAway(ofPostgres(code))).toBe(true);
  });
  it('is not told by a refused value', () => {
    expect(isAway(ofPostgres('22021'))).toBe(false);
    expect(isAway(new CrossdockError('CROSSDOCK_CAPTURE_RACE', 'x', { retryable: true }))).toBe(true);
    expect(isAway(new CrossdockError('CROSSDOCK_CAPTURE_FAULT', 'x'))).toBe(false);
  });
});
