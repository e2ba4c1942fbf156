// What the tests of this repository use, for yours: nothing here needs a test runner.
export type { BenchWork, Call, Case, ExactOutputs, Expected, Making, Matrix, Size } from './benchWork.ts';
export { canaries } from './canaries.ts';
export { type GradcheckOptions, type GradcheckResult, gradcheck } from './gradcheck.ts';
export { detectRaces, type Race, type RaceOptions } from './races.ts';
