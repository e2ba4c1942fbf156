import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { need } from './needs.mjs';

const NO_ADAPTER = 3;
const program = join(dirname(fileURLToPath(import.meta.url)), 'naga.mjs');

/** What naga, the compiler of Firefox and Deno, says to each of [{ name, code }]: [{ name, ok, message }]. */
export async function checkWithNaga(list) {
  const deno = (await need('naga')).resolve('@deno/linux-x64-glibc/deno');
  const folder = await mkdtemp(join(tmpdir(), 'gramian-naga-'));
  try {
    const file = join(folder, 'list.json');
    await writeFile(file, JSON.stringify(list));
    const environment = { ...process.env, DENO_DIR: folder, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
    let { code, out, err } = await run(deno, ['run', '--allow-all', '--no-config', program, file], environment);
    if (code === NO_ADAPTER) {
      Object.assign(environment, await embeddedEnvironment());
      ({ code, out, err } = await run(deno, ['run', '--allow-all', '--no-config', program, file], environment));
    }
    if (code === NO_ADAPTER) throw new Error('naga: no Vulkan adapter, expected one; npm i @sparticuz/chromium.');
    if (code !== 0) throw new Error(`naga: Deno ended with code ${code}: ${err.trim().slice(-600)}`);
    return out
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** SwiftShader and its loader, for a machine that has no Vulkan; only the child sees them. */
async function embeddedEnvironment() {
  const { tsImport } = await import('tsx/esm/api');
  const { embeddedVulkan } = await tsImport('../src/gpu/embedded.node.ts', import.meta.url);
  const files = await embeddedVulkan();
  if (!files) return {};
  const path = [files.folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return { LD_LIBRARY_PATH: path, VK_DRIVER_FILES: files.driver, VK_ICD_FILENAMES: files.driver };
}

function run(command, args, env) {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, out, err }));
  });
}
