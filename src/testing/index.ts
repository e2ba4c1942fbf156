// What the tests of this repository use, for yours: nothing here needs a test runner.
export { canaries } from './canaries.ts';
export { type GradcheckOptions, type GradcheckResult, gradcheck } from './gradcheck.ts';
export { detectRaces, type Race, type RaceOptions } from './races.ts';
