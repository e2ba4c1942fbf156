// Biome's rules and format over the whole tree; --write corrects what can be corrected.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { need } from './needs.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// A script of Node's, which finds the program of this system and processor.
const biome = (await need('lint')).resolve('@biomejs/biome/bin/biome');
const args = ['check', '--error-on-warnings', '--max-diagnostics=200', ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, [biome, ...args], { cwd: root, stdio: 'inherit' }).status ?? 1;
