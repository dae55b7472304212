/**
 * Text that PostgreSQL and both event logs keep: they take neither NUL nor lone surrogates. For what must not be lost because
 * of one: dead letters, evidence, reasons.
 */
export const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();

/** Names and values. */
export const storableHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, text]) => [storable(name), storable(text)]));
