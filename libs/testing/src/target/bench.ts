import type { DocumentDeclaration, Operation, Target, WriteRequest, WriteResult } from '#contracts';

/** What the next writing request of the bench's double meets. */
export type TargetFault =
  /** it takes effect, then the connection breaks */
  | 'cut-after-applying'
  /** the connection breaks and it never takes effect */
  | 'cut-before-applying'
  /** it takes effect, and no answer ever comes */
  | 'silence'
  /** it takes effect, and a success is answered that cannot be read */
  | 'unreadable-success'
  /** 429 with `Retry-After: 7` */
  | 'too-many'
  /** 503 with `Retry-After: 7` */
  | 'unavailable'
  | 'server-error'
  /** 422 */
  | 'refusal'
  /** 401 */
  | 'expired-credentials'
  /** the look fails with a server error */
  | 'look-fails';

/** One document type with something to send. */
export interface DocumentSample {
  document: string;
  /** exact JSON the target takes for this key; `text` stands in it somewhere as a value of its own */
  body(key: string, text: string): string;
  /** makes what the document refers to */
  arrange?(target: Target): Promise<void>;
}

/**
 * A connector with a double of its system, as the kit drives them. The double must be able to say what really took
 * effect, apart from what it answers.
 */
export interface TargetBench {
  documents: readonly DocumentSample[];
  /** opens a connection to the double; `wrong` credentials are ones it refuses, `nowhere` is a closed port */
  open(options?: { credentials?: 'wrong'; nowhere?: boolean; timeoutMs?: number }): Promise<Target>;
  next(fault: TargetFault): Promise<void>;
  /** bodies of the effects for a key in order, as they arrived */
  effects(document: string, key: string): Promise<string[]>;
  /** what the connection proves itself with: must be seen nowhere */
  secret: string;
  close(): Promise<void>;
}

/** What one case works with: a document type, a key nobody used before, and a memory of everything that was said. */
export class Probe {
  readonly said: unknown[] = [];

  constructor(
    readonly bench: TargetBench,
    readonly target: Target,
    readonly sample: DocumentSample,
    readonly declaration: DocumentDeclaration,
    readonly key: string,
  ) {}

  get creating(): 'write' | 'create' {
    return this.declaration.operations.has('write') ? 'write' : 'create';
  }

  body(text = 'plain'): string {
    return this.sample.body(this.key, text);
  }

  async create(more: Partial<WriteRequest> = {}, target = this.target): Promise<WriteResult> {
    return this.write(this.creating, { body: this.body(), ...more }, target);
  }

  async write(operation: Operation, more: Partial<WriteRequest>, target = this.target): Promise<WriteResult> {
    const result = await target.write({
      document: this.declaration.document,
      operation,
      key: this.key,
      requestKey: `request-of-${this.key}`,
      body: null,
      signal: new AbortController().signal,
      onRequestStart: () => undefined,
      ...more,
    });
    this.said.push(result);
    return result;
  }

  async find() {
    const result = await this.target.find({
      document: this.declaration.document,
      key: this.key,
      requestKey: `request-of-${this.key}`,
      operation: this.creating,
      signal: new AbortController().signal,
    });
    this.said.push(result);
    return result;
  }

  effects(): Promise<string[]> {
    return this.bench.effects(this.declaration.document, this.key);
  }
}
