import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { need } from './needs.mjs';

const NO_ADAPTER = 3;
const program = join(dirname(fileURLToPath(import.meta.url)), 'naga.mjs');

/**
 * What naga, the compiler of Firefox and Deno, says to each of [{ name, code }]: { adapters, answers: [{ name, ok, message }] }.
 * wgpu wants a Vulkan driver: it gets the carried SwiftShader, whatever the system has, so that every machine runs one test.
 */
export async function checkWithNaga(list) {
  const environment = await embeddedEnvironment();
  if (!environment) throw new Error('naga: no SwiftShader, expected the one carried; npm i @sparticuz/chromium.');
  const shares = Math.min(2, availableParallelism(), list.length);
  const share = Math.ceil(list.length / shares);
  const parts = Array.from({ length: shares }, (_, i) => list.slice(i * share, (i + 1) * share));
  const all = await Promise.all(parts.map((part) => ask(part, environment)));
  return { adapters: [...new Set(all.map(({ adapter }) => adapter))], answers: all.flatMap(({ answers }) => answers) };
}

/** The adapter that wgpu opens in this process's environment; null where there is none. */
export async function nagaAdapter() {
  return (await ask([], {})).adapter;
}

async function ask(list, environment) {
  const deno = (await need('naga')).resolve('@deno/linux-x64-glibc/deno');
  const folder = await mkdtemp(join(tmpdir(), 'gramian-naga-'));
  try {
    const file = join(folder, 'list.json');
    await writeFile(file, JSON.stringify(list));
    const env = { ...process.env, ...environment, DENO_DIR: folder, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
    const { code, out, err } = await run(deno, ['run', '--allow-all', '--no-config', program, file], env);
    if (code === NO_ADAPTER) return { adapter: null, answers: [] };
    if (code !== 0) throw new Error(`naga: Deno ended with code ${code}: ${err.trim().slice(-600)}`);
    const [adapter, ...lines] = out.trim().split('\n');
    return { adapter, answers: lines.map((line) => JSON.parse(line)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** SwiftShader and its loader; only the child sees them. Without a word wgpu would also try the system's OpenGL. */
async function embeddedEnvironment() {
  const { tsImport } = await import('tsx/esm/api');
  const { embeddedVulkan } = await tsImport('../src/gpu/embedded.node.ts', import.meta.url);
  const files = await embeddedVulkan();
  if (!files) return null;
  const path = [files.folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return {
    DENO_WEBGPU_BACKEND: 'vulkan',
    LD_LIBRARY_PATH: path,
    VK_DRIVER_FILES: files.driver,
    VK_ICD_FILENAMES: files.driver,
  };
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
