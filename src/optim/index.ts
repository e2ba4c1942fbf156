export { type AdamWOptions, adamW } from './adamW.ts';
export { type LARSOptions, lars } from './lars.ts';
export type { Optimizer } from './optimizer.ts';
export { type CosineOptions, cosineSchedule, momentumSchedule } from './schedule.ts';
export { type SGDOptions, sgd } from './sgd.ts';
