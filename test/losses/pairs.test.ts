import { watchedEngine } from '../watch.ts';
import { testLosses } from './contract.ts';
import { PAIRS } from './table.ts';

testLosses(watchedEngine(), PAIRS);
