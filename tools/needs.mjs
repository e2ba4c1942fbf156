// What only some checks need (a browser driver, naga, a linter) is fetched by those checks, into test/needs/NAME.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'test', 'needs');

/** Installs test/needs/NAME if that was not done since its lock changed; the `require` that finds what is in it. */
export async function need(name) {
  const at = join(folder, name);
  const lock = join(at, 'package-lock.json');
  if (!existsSync(lock)) throw new Error(`need: ${name} has no ${lock}, expected a folder of test/needs.`);
  const done = join(at, 'node_modules', '.package-lock.json'); // npm writes it last
  const fresh = () => existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs;
  if (!fresh()) {
    // Two test files that install at once would delete each other's folder.
    await alone(join(tmpdir(), `gramian-need-${createHash('sha1').update(at).digest('hex')}`), async () => {
      if (!fresh()) await install(name, at);
    });
  }
  return createRequire(join(at, 'package.json'));
}

async function install(name, at) {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
  const wanted = Object.entries({ ...dependencies, ...optionalDependencies }).map(
    ([id, version]) => `${id} ${version}`,
  );
  console.error(`need: installing ${wanted.join(', ')} into test/needs/${name}`);
  // As an argument list for a shell: npm is a script on Windows.
  const args = [
    'ci',
    '--prefix',
    JSON.stringify(at),
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const child = spawn(`npm ${args.join(' ')}`, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`need: npm ci for ${name} failed with code ${code}: ${said.trim().slice(-600)}`);
}

/** Runs `work` in one process at a time; a lock left by a process that died does not hold. */
async function alone(file, work) {
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!holderLives(file)) rmSync(file, { force: true });
      else await sleep(200);
    }
  }
  try {
    await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function holderLives(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (!pid) return Date.now() - statSync(file).mtimeMs < 1000; // just made, not yet written
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
