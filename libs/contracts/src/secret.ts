import { inspect } from 'node:util';

/** A value that must not reach a log, an error or an answer. Only `reveal()` gives it away. */
export class Secret {
  readonly #value: string;
  /** Where it came from, for messages: `env ACME_TOKEN`, `file …`, `generated acme-crm`. */
  readonly origin: string;

  constructor(value: string, origin: string) {
    this.#value = value;
    this.origin = origin;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return `[secret from ${this.origin}]`;
  }
}
