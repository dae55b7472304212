import { Database, QUERY_TIMEOUT_MS } from '#db';

/** The pool of a relay process. Without a limit a database whose host is gone without a word would hold it for a quarter of an hour. */
export const openPool = (url: string): Promise<Database> =>
  Database.open({ url, name: 'relay', max: 4, byKey: true, queryTimeoutMs: QUERY_TIMEOUT_MS });
