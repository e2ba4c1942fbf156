import { ofLosses } from '../errors/nonFinite.table.ts';
import { testNonFinite } from '../errors/nonFinite.ts';
import { watchedEngine } from '../watch.ts';
import { testCalls } from './calls.ts';
import { testLosses } from './contract.ts';
import { testPublished } from './published.ts';
import { EXPRESSED } from './table.ts';

const engine = watchedEngine();
testLosses(engine, EXPRESSED);
testCalls(engine, EXPRESSED);
testNonFinite(engine, ofLosses(EXPRESSED));
testPublished(engine);
