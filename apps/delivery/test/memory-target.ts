import type {
  DocumentDeclaration,
  FindRequest,
  FindResult,
  ProbeResult,
  Target,
  WriteRequest,
  WriteResult,
} from '#contracts';

/** How the next matching request goes wrong. `hang` never answers by itself and never applies. */
export type Fault =
  | { do: 'answer'; result: WriteResult }
  | { do: 'apply-and-hang' }
  | { do: 'apply-late'; afterMs: number }
  | { do: 'hang' }
  | { do: 'not-sent' }
  /** waits for `release` before it goes on as usual */
  | { do: 'wait'; until: Promise<void> };

export interface Applied {
  document: string;
  operation: string;
  key: string;
  requestKey: string;
  body: string | null;
  at: number;
}

interface Stored {
  id: string;
  body: string | null;
  cancelled: boolean;
  requestKey: string;
}

/** A target in memory with a ledger of what took effect, and faults that a test switches on. Implements the real contract. */
export class MemoryTarget implements Target {
  readonly documents: Map<string, DocumentDeclaration>;
  /** what took effect, in order */
  readonly applied: Applied[] = [];
  /** every request whose bytes left, in order */
  readonly requests: WriteRequest[] = [];
  readonly looks: FindRequest[] = [];
  readonly #records = new Map<string, Stored[]>();
  readonly #keys = new Map<string, WriteResult>();
  readonly #faults: { match(request: WriteRequest): boolean; fault: Fault; left: number }[] = [];
  latencyMs = 0;
  probeAnswer: ProbeResult = { ok: true };
  findAnswer: FindResult | undefined;
  probes = 0;
  open = 0;
  mostOpen = 0;
  probe?: (signal: AbortSignal) => Promise<ProbeResult>;
  #id = 0;

  constructor(documents: Iterable<DocumentDeclaration>, options: { probe?: boolean } = {}) {
    this.documents = new Map([...documents].map((declaration) => [declaration.document, declaration]));
    if (options.probe ?? true)
      this.probe = () => {
        this.probes++;
        return Promise.resolve(this.probeAnswer);
      };
  }

  /** The next `times` requests that match go wrong like this. */
  fault(fault: Fault, match: (request: WriteRequest) => boolean = () => true, times = 1): void {
    this.#faults.push({ match, fault, left: times });
  }

  heal(): void {
    this.#faults.length = 0;
  }

  /** A record that was there before us. */
  put(document: string, key: string, id: string, body: string | null = null): void {
    this.#records.set(`${document} ${key}`, [{ id, body, cancelled: false, requestKey: 'somebody else' }]);
  }

  records(document: string, key: string): readonly Stored[] {
    return this.#records.get(`${document} ${key}`) ?? [];
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    const at = this.#faults.findIndex(({ match, left }) => left > 0 && match(request));
    const armed = at < 0 ? undefined : this.#faults[at];
    if (armed !== undefined && --armed.left === 0) this.#faults.splice(at, 1);
    const fault = armed?.fault;
    if (fault?.do === 'not-sent')
      return { outcome: 'retry', errorClass: 'CONNECTION', message: 'connection refused', notSent: true };
    try {
      request.onRequestStart();
    } catch {
      return { outcome: 'retry', errorClass: 'CONNECTION', message: 'aborted', notSent: true };
    }
    this.requests.push(request);
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    try {
      return await this.#answer(request, fault);
    } finally {
      this.open--;
    }
  }

  async #answer(request: WriteRequest, fault: Fault | undefined): Promise<WriteResult> {
    if (fault?.do === 'wait') await fault.until;
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs));
    switch (fault?.do) {
      case 'answer':
        return fault.result;
      case 'apply-and-hang':
        this.#apply(request);
        return givenUp(request);
      case 'apply-late':
        setTimeout(() => this.#apply(request), fault.afterMs).unref();
        return givenUp(request);
      case 'hang':
        return givenUp(request);
      default:
        return this.#apply(request);
    }
  }

  #apply(request: WriteRequest): WriteResult {
    const declaration = this.documents.get(request.document)!;
    const byKey = declaration.repeatIsSafe[request.operation] === 'by-idempotency-key';
    const before = byKey ? this.#keys.get(request.requestKey) : undefined;
    if (before !== undefined) return before;
    const place = `${request.document} ${request.key}`;
    const records = this.#records.get(place) ?? [];
    const { document, operation, key, requestKey, body } = request;
    const note = (): void =>
      void this.applied.push({ document, operation, key, requestKey, body, at: performance.now() });
    const answer = (id: string): WriteResult => {
      const result: WriteResult = { outcome: 'done', targetId: id, httpStatus: 200 };
      if (byKey) this.#keys.set(requestKey, result);
      return result;
    };
    if (
      operation === 'create' &&
      declaration.nature === 'state' &&
      records.some((at) => at.requestKey === 'somebody else')
    )
      return { outcome: 'duplicate', message: 'exists', httpStatus: 409 };
    note();
    if (operation === 'create' || operation === 'reverse' || (operation === 'write' && records.length === 0)) {
      const made: Stored = { id: `T${++this.#id}`, body, cancelled: false, requestKey };
      this.#records.set(place, [...records, made]);
      return answer(made.id);
    }
    const record = records[0];
    if (record === undefined)
      return { outcome: 'rejected', errorClass: 'VALUE', message: 'unknown id', httpStatus: 404 };
    if (operation === 'cancel') record.cancelled = true;
    else record.body = body;
    return answer(record.id);
  }

  find(request: FindRequest): Promise<FindResult> {
    this.looks.push(request);
    if (this.findAnswer !== undefined) return Promise.resolve(this.findAnswer);
    const declaration = this.documents.get(request.document)!;
    const records = this.records(request.document, request.key).filter(
      (record) => declaration.nature === 'state' || record.requestKey === request.requestKey,
    );
    const evidence = `GET ${request.key}`;
    if (records.length === 0) return Promise.resolve({ found: 'none', evidence });
    if (records.length > 1) return Promise.resolve({ found: 'many', count: records.length, evidence });
    const [record] = records;
    return Promise.resolve({
      found: 'one',
      targetId: record!.id,
      requestKeyMatches: record!.requestKey === request.requestKey,
      evidence,
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Answers only when the caller gives up, as a real client does. */
function givenUp(request: WriteRequest): Promise<WriteResult> {
  return new Promise((resolve) => {
    const end = (): void => resolve({ outcome: 'in-doubt', errorClass: 'INTERMITTENT', message: 'timeout' });
    if (request.signal.aborted) end();
    else request.signal.addEventListener('abort', end, { once: true });
  });
}

const both = { canFind: true, idIsKey: false, settleMs: 150 } as const;

/** Document types of every tier. The schema `test/any` takes everything. */
export const CUSTOMER: DocumentDeclaration = {
  ...both,
  document: 'customer',
  nature: 'state',
  schema: 'test/any',
  operations: new Set(['write']),
  repeatIsSafe: { write: 'by-external-id' },
};
export const ORDER: DocumentDeclaration = {
  ...both,
  document: 'salesOrder',
  nature: 'state',
  schema: 'test/any',
  operations: new Set(['create', 'update', 'cancel']),
  repeatIsSafe: { create: 'look-first' },
};
export const TASK: DocumentDeclaration = {
  ...both,
  document: 'task',
  nature: 'state',
  schema: 'test/any',
  operations: new Set(['create', 'update']),
  repeatIsSafe: { create: 'never', update: 'never' },
  canFind: false,
};
export const ENTRY: DocumentDeclaration = {
  ...both,
  document: 'journalEntry',
  nature: 'fact',
  versions: 'once',
  schema: 'test/any',
  operations: new Set(['create']),
  repeatIsSafe: { create: 'by-idempotency-key' },
  keyLifetimeMs: 3_600_000,
};
/** A fact whose newer versions take the older posting back, by a second one with two fields exchanged. */
export const INVOICE: DocumentDeclaration = {
  ...both,
  document: 'invoice',
  nature: 'fact',
  versions: 'reversal',
  schema: 'test/any',
  operations: new Set(['create', 'reverse']),
  repeatIsSafe: { create: 'by-idempotency-key', reverse: 'by-idempotency-key' },
  keyLifetimeMs: 3_600_000,
  reverseBySwap: ['debit', 'credit'],
};
/** The same, by a request of its own, and looked up first. */
export const RECEIPT: DocumentDeclaration = {
  ...both,
  document: 'receipt',
  nature: 'fact',
  versions: 'reversal',
  schema: 'test/any',
  operations: new Set(['create', 'reverse']),
  repeatIsSafe: { create: 'look-first', reverse: 'look-first' },
};
export const PAYMENT: DocumentDeclaration = {
  ...both,
  document: 'payment',
  nature: 'fact',
  versions: 'each',
  schema: 'test/any',
  operations: new Set(['create']),
  repeatIsSafe: { create: 'look-first' },
};
