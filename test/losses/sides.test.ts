import { watchedEngine } from '../watch.ts';
import { testLosses } from './contract.ts';
import { SIDES } from './table.ts';

testLosses(watchedEngine(), SIDES);
