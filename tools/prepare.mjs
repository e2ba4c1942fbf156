// What `npm start` and `npm test` do first, so that either works alone after a clone. Node's own modules only.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a program with this process's output; its exit code. A signal that ended it counts as a failure. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

/** Installs what package-lock.json lists, if that was not done since it changed, and builds dist/. */
export function prepare({ quick = false } = {}) {
  const lock = join(root, 'package-lock.json');
  const modules = join(root, 'node_modules');
  const done = join(modules, '.package-lock.json'); // npm writes it last
  // Behind a link is another checkout's folder, which `npm ci` would empty under its feet.
  const linked = lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  if (linked) console.error('node_modules is a link: nothing is installed, whoever owns it does that');
  else if (!existsSync(done) || statSync(done).mtimeMs < statSync(lock).mtimeMs) {
    console.error('npm ci: installing the development packages, which takes a minute or two');
    // As one line for a shell: npm is a script on Windows. No package here needs its install script.
    const code = run('npm ci --ignore-scripts --no-audit --no-fund --loglevel=error', [], { shell: true });
    if (code !== 0) process.exit(code);
  }
  const args = ['--import', 'tsx', 'tools/build.ts'];
  const code = run(process.execPath, quick ? [...args, '--quick'] : args);
  if (code !== 0) process.exit(code);
}
