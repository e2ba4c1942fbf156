// npm run adapters [-- lavapipe swiftshader chromium deno]: measures what can be had on a machine without a GPU, and puts it into
// docs/adapters.md. A GPU is added by its owner: npx gramian probe --numerics --markdown docs/adapters.md.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withReport } from '../bench/probe/numerics/report.ts';
import { launchChromium } from '../test/browser/chromium.ts';
import { measureInPage } from '../test/browser/numerics.ts';
import { need } from './needs.mjs';

const root = join(import.meta.dirname, '..');
const PAGE = join(root, 'docs', 'adapters.md');

function probe(program: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const command = [...args, join(root, 'dist', 'cli.js'), 'probe', '--numerics', '--markdown', PAGE];
  const { status } = spawnSync(program, command, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`adapters: ${program} ended with code ${status}, expected 0.`);
}

const MEASURE: Readonly<Record<string, () => Promise<void> | void>> = {
  lavapipe: () => probe(process.execPath, [], { GRAMIAN_ADAPTER: 'lavapipe' }),
  swiftshader: () => probe(process.execPath, [], { GRAMIAN_ADAPTER: 'swiftshader' }),
  async chromium() {
    const chromium = await launchChromium();
    try {
      writeFileSync(PAGE, withReport(readFileSync(PAGE, 'utf8'), await measureInPage(chromium)));
    } finally {
      await chromium.close();
    }
  },
  async deno() {
    const deno = (await need('naga')).resolve('@deno/linux-x64-glibc/deno');
    probe(deno, ['run', '--allow-all', '--no-config'], { DENO_NO_UPDATE_CHECK: '1' });
  },
};

const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : Object.keys(MEASURE)) {
  if (!MEASURE[name]) throw new Error(`adapters: ${name}, expected ${Object.keys(MEASURE).join(', ')}.`);
  console.error(`adapters: ${name}`);
  await MEASURE[name]();
}
