/** `05.11.2026` in `DD.MM.YYYY` -> `2026-11-05`; undefined when it is not such a date or does not exist. */
export function parseDate(text: string, format: string): string | undefined {
  const year = part(text, format, 'YYYY');
  const month = part(text, format, 'MM');
  const day = part(text, format, 'DD');
  if (year === undefined || month === undefined || day === undefined || text.length !== format.length) return undefined;
  for (let at = 0; at < format.length; at++)
    if (!'YMD'.includes(format[at]!) && format[at] !== text[at]) return undefined;
  if (year === '0000') return undefined; // to no target a year
  const iso = `${year}-${month}-${day}`;
  const time = Date.parse(`${iso}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(iso) ? iso : undefined;
}

function part(text: string, format: string, letters: string): string | undefined {
  const at = format.indexOf(letters);
  const digits = text.slice(at, at + letters.length);
  return at >= 0 && /^\d+$/.test(digits) && digits.length === letters.length ? digits : undefined;
}
