/** Text of a target as PostgreSQL keeps it: it takes neither NUL nor half characters, and an outcome must not be lost for one. */
export const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();
