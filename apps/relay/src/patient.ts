import { CrossdockError } from '#contracts';
import type { Copyable, Statement } from '#db';

/**
 * A session whose statements wait for each other (one connection takes one at a time: the read ahead, the beat and the
 * settling share it) and do not wait for ever: a connection whose other end is gone says nothing until TCP gives up, a
 * quarter of an hour later. After `ms` without an answer it throws, at once for every later statement, and whoever holds the
 * session must close it.
 */
export function patient(session: Copyable, ms: number): Copyable {
  let last: Promise<unknown> = Promise.resolve();
  let gone: CrossdockError | undefined;
  const inTurn = <T>(ask: () => Promise<T>): Promise<T> => {
    const answer = last.then(() => {
      if (gone) throw gone; // what stands behind a silent one would be waited for as long again
      return within(ask(), ms);
    });
    last = answer.catch((error: unknown) => {
      if (error instanceof CrossdockError) gone = error;
    });
    return answer;
  };
  return {
    query: <Row>(sql: string | Statement, params?: readonly unknown[]) => inTurn(() => session.query<Row>(sql, params)),
    copy: (select, row) => inTurn(() => session.copy(select, row)),
  };
}

async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const message = `the database has not answered for ${ms} ms`;
      reject(new CrossdockError('CROSSDOCK_RELAY_DATABASE_SILENT', message, { retryable: true }));
    }, ms);
  });
  answer.catch(() => {}); // nobody listens any more once the wait is over
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
