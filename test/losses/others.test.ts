import { watchedEngine } from '../watch.ts';
import { testLosses } from './contract.ts';
import { OTHERS } from './table.ts';

testLosses(watchedEngine(), OTHERS);
