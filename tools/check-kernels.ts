// Compiles every kernel in every form that an op asks for, on the adapter that this machine has.
import { createEngine } from '../src/engine/engine.ts';
import { variants } from './variants.ts';

const engine = await createEngine();
const list = variants();
let failed = 0;
for (const { kernel, tuning, name } of list) {
  engine.lowLevel.pipeline(kernel, tuning);
  try {
    await engine.sync();
  } catch (error) {
    failed++;
    console.error(`${name}: ${(error as Error).message}`);
  }
}
console.log(`check-kernels: ${list.length - failed} of ${list.length} compile on ${engine.info.description}`);
engine.destroy();
if (failed > 0) process.exitCode = 1;
