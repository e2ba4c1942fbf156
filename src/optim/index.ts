export { type AdamWOptions, adamW } from './adamW.ts';
export type { Optimizer } from './optimizer.ts';
export { type CosineOptions, cosineSchedule } from './schedule.ts';
export { type SGDOptions, sgd } from './sgd.ts';
