import { tmpdir } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { CARRIER, type Embedded, embeddedVulkan, findCarrier } from './embedded.node.ts';
import { NoAdapterError } from './no-adapter.ts';
import { OperandTextures, type TextureHost } from './operandTextures.ts';
import type { AdapterOptions, OpenedAdapter } from './platform.browser.ts';
import { driverEnvironment, ensureLoader, type Pin, systemDrivers } from './vulkan.node.ts';

export { collectGarbage } from './collect.node.ts';
export { keep, recall } from './keep.node.ts';
export { supportedEdge as textureEdge } from './operandTextures.ts';
export { pace } from './pacing.node.ts';
export type { AdapterOptions, OpenedAdapter } from './platform.browser.ts';

/** What operands of products are copied to, where kernels read them in textures. */
export function operandTextures(device: GPUDevice, host: TextureHost): OperandTextures | null {
  return new OperandTextures(device, host);
}

export const platformName: 'node' | 'browser' = 'node';

interface Opened {
  readonly gpu: GPU;
  /** SwiftShader, as the carrier package has it, was offered to Dawn. */
  readonly embedded: boolean;
  /** Why it was not, where the package is there. */
  readonly trouble?: string;
  readonly pin: Pin | null;
  /** Of lavapipe's vectors, where the user has set one that Mesa's cache does not know of. */
  readonly width: string | null;
}

// One Dawn instance per process, kept for ever: a second one, or one that is collected, crashes the process at exit.
// A plain module variable is not enough, since test runners load modules again for each file.
const KEY = Symbol.for('gramian.webgpu');
const shared = globalThis as { [KEY]?: Promise<Opened>; navigator?: { gpu?: GPU } };

/** A fresh adapter each time: WebGPU lets an adapter make one device only. */
export async function openAdapter({ adapter: wanted, powerPreference }: AdapterOptions): Promise<OpenedAdapter> {
  shared[KEY] ??= start();
  const opened = await shared[KEY];
  const { gpu, embedded, pin } = opened;
  const kind = pin === 'hardware' && wanted === 'auto' ? 'hardware' : wanted;
  const adapter = await gpu.requestAdapter({ powerPreference, forceFallbackAdapter: kind === 'software' });
  // A worker thread has an environment of its own, which Vulkan does not see: there a pin may not hold.
  if (!adapter || !isPinned(adapter.info, pin)) throw new NoAdapterError(nothingFound(kind, opened));
  const { info } = adapter;
  // Dawn's null backend accepts every kernel, runs none, and returns what memory happened to hold.
  if (info.device === 'null-backend')
    throw new NoAdapterError(
      "createEngine: the adapter is Dawn's null backend, which computes nothing, expected a real one.",
    );
  const name = info.description || info.device || info.vendor || 'an adapter without a name';
  if (!info.isFallbackAdapter) return { adapter, source: 'hardware', note: name };
  if (kind === 'hardware')
    throw new NoAdapterError(
      `createEngine: adapter = "hardware", but only ${name} was found, which is software; ` +
        `install the GPU's driver, or use adapter "auto".`,
    );
  const widened = /llvmpipe/i.test(name) ? sayWidth(opened.width) : '';
  if (info.architecture !== 'swiftshader' || !embedded)
    return {
      adapter,
      source: 'system-software',
      note: `${name}, on the CPU${widened}; a GPU with its driver is faster`,
    };
  return {
    adapter,
    source: 'embedded-software',
    note:
      `${name}, on the CPU, carried by ${CARRIER}; faster: a GPU with its driver, ` +
      "or Mesa's lavapipe (package mesa-vulkan-drivers; 25 works, 22 does not)",
  };
}

const EXIT = Symbol.for('gramian.devices');
const ending = globalThis as { [EXIT]?: Set<GPUDevice> };

/**
 * A process that ends (by exit() or an uncaught error) while SwiftShader still computes is torn down under its threads:
 * a segmentation fault every other time. Destroying the device waits for them.
 */
export function destroyAtExit(device: GPUDevice): void {
  let devices = ending[EXIT];
  if (!devices) {
    const all = new Set<GPUDevice>();
    ending[EXIT] = all;
    devices = all;
    process.on('exit', () => {
      for (const each of all) each.destroy();
    });
  }
  const held = devices;
  held.add(device);
  device.lost.then(() => held.delete(device));
}

// The width for which lavapipe compiles by itself.
const VECTOR_WIDTH = '256';

/**
 * Mesa keeps compiled kernels by their text alone: a process whose vectors have another width runs code that was compiled for the
 * width of an earlier one, and sums over half its lanes. Without the cache it compiles its own. This must stand before the
 * driver loads, and stays: a program started from here inherits the width as well.
 */
function keepOffForeignKernels(): string | null {
  const width = process.env.LP_NATIVE_VECTOR_WIDTH;
  if (!width || width === VECTOR_WIDTH) return null;
  process.env.MESA_SHADER_CACHE_DISABLE = 'true';
  return width;
}

let said = false;

function sayWidth(width: string | null | undefined): string {
  if (!width) return ''; // an instance that another version of the package opened says nothing
  const set = `LP_NATIVE_VECTOR_WIDTH = ${width}`;
  if (!said)
    console.warn(
      `createEngine: ${set}, so Mesa's shader cache, which would mix up kernels of several widths, is off in this process; unset ` +
        'it for a faster start.',
    );
  said = true;
  return ` (${set}, shader cache off)`;
}

async function start(): Promise<Opened> {
  const pin = readPin();
  const width = keepOffForeignKernels();
  // Deno has its own, and a program that made one for itself must not get a second instance.
  const present = shared.navigator?.gpu;
  if (present) return { gpu: present, embedded: false, pin, width };
  const { create } = await loadWebGPU();
  const flags = dawnFlags(process.env.GRAMIAN_DAWN_TOGGLES);
  if (process.platform !== 'linux') return { gpu: create(flags), embedded: false, pin, width };

  let files: Embedded | null = null;
  let trouble: string | undefined;
  try {
    if (pin === null || pin === 'swiftshader') files = await embeddedVulkan();
  } catch (error) {
    trouble = (error as Error).message; // matters only if the system has nothing either
  }
  ensureLoader(files);
  const restore = setEnvironment({
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(), // Mesa prints an error where it is not set
    ...driverEnvironment(systemDrivers(), files, pin),
  });
  try {
    const gpu = create(flags);
    await gpu.requestAdapter(); // Dawn reads the environment now, and never again
    return { gpu, embedded: files !== null, trouble, pin, width };
  } finally {
    restore(); // programs started from here, a browser say, must not inherit it
  }
}

/** Names of Dawn's toggles, separated by commas; one behind a minus is turned off. */
function dawnFlags(toggles = ''): string[] {
  const names = toggles.split(',').filter(Boolean);
  const [on, off] = [names.filter((name) => !name.startsWith('-')), names.filter((name) => name.startsWith('-'))];
  return [
    ...(on.length > 0 ? [`enable-dawn-features=${on}`] : []),
    ...(off.length > 0 ? [`disable-dawn-features=${off.map((name) => name.slice(1))}`] : []),
  ];
}

async function loadWebGPU(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND')
      throw new NoAdapterError(`createEngine: this Node has no WebGPU; npm i webgpu@0.6${carriedToo()}.`);
    const cause = message.split('\n')[0];
    throw new NoAdapterError(`createEngine: the package webgpu does not load here (${cause}); npm i webgpu@0.6.2.`);
  }
}

/** Who has no driver either would meet the next error only: say both at once. */
function carriedToo(): string {
  const without = process.platform === 'linux' && systemDrivers().length === 0 && !findCarrier();
  return without ? ` ${CARRIER}, of which the second carries a driver for the CPU, as this machine has none` : '';
}

function readPin(): Pin | null {
  const value = process.env.GRAMIAN_ADAPTER;
  if (!value) return null;
  const pins: readonly string[] = ['hardware', 'system', 'lavapipe', 'swiftshader'];
  if (pins.includes(value)) return value as Pin;
  throw new NoAdapterError(`createEngine: GRAMIAN_ADAPTER = ${value}, expected one of ${pins.join(' ')}.`);
}

function isPinned({ architecture, description }: GPUAdapterInfo, pin: Pin | null): boolean {
  if (pin === 'swiftshader') return architecture === 'swiftshader';
  return pin !== 'lavapipe' || /llvmpipe/i.test(description);
}

function setEnvironment(values: Record<string, string>): () => void {
  const before = Object.keys(values).map((key) => [key, process.env[key]] as const);
  Object.assign(process.env, values);
  return () => {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  };
}

function nothingFound(wanted: AdapterOptions['adapter'], { embedded, trouble, pin }: Opened): string {
  const what = `createEngine: no ${wanted === 'auto' ? '' : `${wanted} `}adapter was found`;
  if (process.platform === 'linux' && !isMainThread && wanted !== 'hardware')
    return `${what} in this worker thread, which cannot choose drivers; call it in the main thread or a child process.`;
  const carried = `npm i ${CARRIER}, which carries a driver for the CPU (Linux on x64)`;
  const unpacking = `${CARRIER}, which carries one, could not be unpacked (${trouble})`;
  if (pin === 'swiftshader' && !embedded)
    return `${what} with GRAMIAN_ADAPTER = swiftshader; ${trouble ? unpacking : carried}.`;
  if (pin === 'lavapipe')
    return `${what} with GRAMIAN_ADAPTER = lavapipe; install the package mesa-vulkan-drivers, or unset it (then ${CARRIER} serves, too).`;
  if (pin)
    return `${what} with GRAMIAN_ADAPTER = ${pin}; unset it (then ${CARRIER} serves, too), or install a driver of that kind.`;
  if (wanted === 'hardware')
    return `${what}; install the GPU's driver, or ask for adapter "auto", to which ${CARRIER} serves, too.`;
  if (process.platform !== 'linux') return `${what}; install the GPU's driver.`;
  if (trouble) return `${what}, and ${unpacking}.`;
  if (embedded) return `${what}, not even SwiftShader, which ${CARRIER} carries; install a Vulkan driver.`;
  return `${what}; ${carried}, or install a Vulkan driver.`;
}
