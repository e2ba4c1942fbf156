// What users measure by `gramian bench --work FILE`.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as check from '../src/core/check.ts';
import type { createEngine } from '../src/index.ts';
import { rootFolder } from './host.node.ts';
import type { Tune } from './ours.ts';
import { loaded, type OwnWorks, worksOf } from './ownWorks.ts';

const OP = 'bench';

export async function loadWorks(file: string, tune: Tune): Promise<OwnWorks> {
  const path = resolve(file);
  const called = `--work ${file}`;
  if (!existsSync(path)) check.fail(OP, `${called} is not there, expected a module that exports works.`);
  const module = await imported(called, path);
  const { createEngine: create } = (await import(packageOf(path))) as { createEngine: typeof createEngine };
  return worksOf(called, module, basename(path, extname(path)), tune, create);
}

async function imported(called: string, path: string): Promise<unknown> {
  const never = (): void => {
    process.stderr.write(`${OP}: ${called} does not load: an await at its top never ends.\n`);
    process.exitCode = 1;
  };
  process.once('exit', never); // Node leaves when nothing is left to wait for
  try {
    return await loaded(called, () => import(pathToFileURL(path).href));
  } finally {
    process.off('exit', never);
  }
}

/** The package that the module gets by `import 'gramian'`; this one where it imports none. */
function packageOf(path: string): string {
  try {
    return pathToFileURL(createRequire(path).resolve('gramian')).href;
  } catch {
    return pathToFileURL(join(rootFolder(), 'dist', 'index.js')).href;
  }
}
