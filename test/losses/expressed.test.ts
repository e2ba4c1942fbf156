import { watchedEngine } from '../watch.ts';
import { testCalls } from './calls.ts';
import { testLosses } from './contract.ts';
import { EXPRESSED } from './table.ts';

const engine = watchedEngine();
testLosses(engine, EXPRESSED);
testCalls(engine, EXPRESSED);
