// One Dawn, one adapter and one process for the package and its peers.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { GramianError } from '../src/gpu/errors.ts';
import { openAdapter } from '../src/gpu/platform.node.ts';
import type { Entry, Open } from './contender.ts';
import type { Host } from './host.browser.ts';
import { type Interfaces, watchDevices } from './observe.ts';
import type { Environment } from './results.ts';
import { measureRoofline } from './roofline.ts';

export const PINS = ['auto', 'hardware', 'system', 'lavapipe', 'swiftshader'] as const;
export type PinName = (typeof PINS)[number];

/** Dawn's checks off, for every library alike: what a native program could have. */
const NATIVE = [
  'allow_unsafe_apis',
  'skip_validation',
  'disable_robustness',
  'disable_workgroup_init',
  'disable_polyfills_on_integer_div_and_mod',
  'vulkan_enable_f16_on_nvidia',
  'use_vulkan_memory_model',
  '-timestamp_quantization',
  '-lazy_clear_resource_on_first_use',
];

/** The libraries beside, each a module of bench/peers. */
export const PEERS: Readonly<Record<string, { module: string; package?: string }>> = {
  naive: { module: 'naive' },
  tfjs: { module: 'tfjs', package: '@tensorflow/tfjs' },
  'jax-js': { module: 'jaxJs', package: '@jax-js/jax' },
  ort: { module: 'ort', package: 'onnxruntime-web' },
  torch: { module: 'torch' },
};

/** Opens the adapter for this process; another one needs another process. */
export async function openHost(
  pin: PinName,
  profile: Environment['profile'],
  tune: Environment['tune'],
): Promise<Host> {
  if (pin !== 'auto') process.env.GRAMIAN_ADAPTER = pin;
  if (profile === 'native') process.env.GRAMIAN_DAWN_TOGGLES = NATIVE.join(',');
  const { adapter, note, source } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
  const interfaces = await actAsBrowser();
  const observer = watchDevices(interfaces);
  const environment = environmentOf(adapter.info, profile, tune);
  return { environment, observer, note, roofline: () => measureRoofline(adapter, source !== 'hardware') };
}

/** Here and now. */
export function environmentOf(
  { device, architecture, vendor, description }: GPUAdapterInfo,
  profile: Environment['profile'],
  tune: Environment['tune'],
): Environment {
  return {
    date: new Date().toISOString().slice(0, 19),
    commit: commitOf(rootFolder()),
    adapter: device || architecture || vendor,
    driver: description,
    runtime: `node ${process.versions.node}`,
    profile,
    tune,
  };
}

/** What the peers look for: WebGPU's constructors and navigator.gpu. They open devices of their own on the same adapter. */
async function actAsBrowser(): Promise<Interfaces> {
  const { globals } = (await import('webgpu')) as unknown as { globals: Interfaces };
  Object.assign(globalThis, globals);
  const shared = globalThis as unknown as Record<symbol, Promise<{ gpu: GPU }>>;
  const { gpu } = await shared[Symbol.for('gramian.webgpu')];
  const { navigator } = globalThis as { navigator?: object };
  // Node 21 and later have a navigator, whose properties can be defined but not assigned.
  if (navigator) Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  else
    Object.defineProperty(globalThis, 'navigator', {
      value: { gpu, userAgent: 'node', hardwareConcurrency: 2 },
      configurable: true,
      writable: true,
    });
  return globals;
}

/** The folder of package.json, from the bundle in dist/ as from the source. */
export function rootFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function commitOf(root: string): string {
  if (!existsSync(join(root, '.git'))) return '';
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '+' : '');
  } catch {
    return ''; // no git here
  }
}

interface PeerModule {
  readonly contenders: readonly (Entry | Open)[];
  /** Rejects with the reason where what the peer needs outside of npm is not there. */
  readonly available?: () => Promise<void>;
  /** Loads the JavaScript of its package, and opens nothing. */
  readonly preload?: () => Promise<void>;
}

const moduleOf = (name: string): string => join(rootFolder(), 'bench', 'peers', 'dist', `${PEERS[name].module}.js`);

/** Loads what a peer computes with. */
export async function preloadPeer(name: string): Promise<void> {
  const { preload } = (await import(pathToFileURL(moduleOf(name)).href)) as PeerModule;
  await preload?.();
}

/** The contenders of a peer, or a sentence why there are none. */
export async function loadPeer(name: string): Promise<readonly Entry[] | string> {
  const peer = PEERS[name];
  if (!peer) throw new GramianError(`bench: --peers ${name}, expected all, none or ${Object.keys(PEERS).join(', ')}.`);
  const folder = join(rootFolder(), 'bench', 'peers');
  const file = moduleOf(name);
  if (!existsSync(file)) return `${name} is not here: peers come with a clone of the repository (npm run build)`;
  // A peer loads its package when it is asked for a work that it knows: too late for one sentence.
  if (peer.package && !existsSync(join(folder, 'node_modules', peer.package)))
    return `${name} is not installed: npm ci --prefix bench/peers --ignore-scripts`;
  try {
    const { contenders, available } = (await import(pathToFileURL(file).href)) as PeerModule;
    await available?.();
    return contenders.map((each) =>
      typeof each === 'function' ? { library: name, form: 'autodiff' as const, open: each } : each,
    );
  } catch (error) {
    return `${name} does not load: ${(error as Error).message.split('\n')[0]}`;
  }
}
