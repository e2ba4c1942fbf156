// Biome's rules and format over the whole tree; --write corrects what can be corrected.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { need } from './needs.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
if (process.platform === 'linux' && process.arch === 'x64') {
  const biome = (await need('lint')).resolve('@biomejs/cli-linux-x64/biome');
  const args = ['check', '--error-on-warnings', '--max-diagnostics=200', ...process.argv.slice(2)];
  process.exitCode = spawnSync(biome, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
} else {
  console.error('lint: skipped, the linter that this project carries runs on Linux x64.');
}
