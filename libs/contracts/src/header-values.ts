/** Eight bytes, as Avro's long and PostgreSQL's bigint have. */
const LONGEST = 2n ** 63n;
const INSTANT = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Throws with the header's name for what is no whole number of eight bytes. */
export function wholeNumber(header: string, text: string): bigint {
  const value = /^-?\d{1,19}$/.test(text) ? BigInt(text) : LONGEST;
  if (value >= LONGEST || value < -LONGEST) throw new Error(`header ${header} is not a whole number`);
  return value;
}

/** The text as it is; throws with the header's name for what is no date and time with a zone (RFC 3339). */
export function instant(header: string, text: string): string {
  if (!INSTANT.test(text) || text.startsWith('0000') || Number.isNaN(Date.parse(text)))
    throw new Error(`header ${header} is no date and time`);
  return text;
}
