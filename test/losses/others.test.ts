import { watchedEngine } from '../watch.ts';
import { testCalls } from './calls.ts';
import { testLosses } from './contract.ts';
import { OTHERS } from './table.ts';

const engine = watchedEngine();
testLosses(engine, OTHERS);
testCalls(engine, OTHERS);
