export { describeMappings } from './describe-mappings.ts';
