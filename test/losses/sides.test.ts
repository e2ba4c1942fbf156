import { watchedEngine } from '../watch.ts';
import { testCalls } from './calls.ts';
import { testLosses } from './contract.ts';
import { SIDES } from './table.ts';

const engine = watchedEngine();
testLosses(engine, SIDES);
testCalls(engine, SIDES);
