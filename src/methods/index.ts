export type { Method } from './method.ts';
export { type SimCLROptions, simCLR } from './simclr.ts';
