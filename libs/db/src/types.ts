import pg from 'pg';

const INT8 = 20;
const INT8_ARRAY = 1016;

/** How column types arrive: bigint as BigInt (never a rounded number), the rest as node-postgres has it. */
export const TYPES: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      if (oid === INT8) return BigInt;
      if (oid === INT8_ARRAY) {
        const array = pg.types.getTypeParser(INT8_ARRAY as number, 'text') as (text: string) => string[];
        return (text: string) => array(text).map((item) => (item === null ? null : BigInt(item)));
      }
    }
    return pg.types.getTypeParser(oid as number, format as 'text');
  },
};
