export { startApicurio } from './apicurio.ts';
export type { Apicurio, ApicurioOptions } from './apicurio.ts';
