import { watchedEngine } from '../watch.ts';
import { testCalls } from './calls.ts';
import { testLosses } from './contract.ts';
import { PAIRS } from './table.ts';

const engine = watchedEngine();
testLosses(engine, PAIRS);
testCalls(engine, PAIRS);
