import { NoAdapterError } from './no-adapter.ts';
import type { OperandTextures, TextureHost } from './operandTextures.ts';

export interface AdapterOptions {
  readonly adapter: 'auto' | 'hardware' | 'software';
  readonly powerPreference?: GPUPowerPreference;
}

export interface OpenedAdapter {
  readonly adapter: GPUAdapter;
  readonly source: 'hardware' | 'system-software' | 'embedded-software' | 'browser';
  /** One line: which adapter runs and, where it is the slow one, how to get a faster one. */
  readonly note: string;
}

export const platformName: 'node' | 'browser' = 'browser';

/** A browser tears down its pages itself. */
export function destroyAtExit(_device: GPUDevice): void {}

/** A browser's GPU work ends in another process, for which nobody polls. */
export function pace(_done: Promise<unknown>): void {}

/** Texels along an edge of the textures that operands may be read in: lavapipe alone gains by that, which browsers do not bring. */
export async function textureEdge(_device: GPUDevice): Promise<number> {
  return 0;
}

/** None, where operands are read in buffers. */
export function operandTextures(_device: GPUDevice, _host: TextureHost): OperandTextures | null {
  return null;
}

/** A browser counts the GPU's memory itself when it decides to collect. */
export function collectGarbage(): void {}

interface PageStorage {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
}

/** Throws where the page may not have it. */
function storage(): PageStorage {
  return (globalThis as unknown as { localStorage: PageStorage }).localStorage;
}

/** A small text that was kept under this name, and where; null where there is none, or the page may keep nothing. */
export async function recall(name: string): Promise<{ text: string; place: string } | null> {
  try {
    const text = storage().getItem(`gramian ${name}`);
    return text === null ? null : { text, place: 'localStorage' };
  } catch {
    return null; // workers have none; sandboxed frames and private windows refuse
  }
}

/** Keeps a small text for `recall`, and returns where; null where the page may keep nothing. */
export async function keep(name: string, text: string): Promise<string | null> {
  try {
    storage().setItem(`gramian ${name}`, text);
    return 'localStorage';
  } catch {
    return null;
  }
}

/** A fresh adapter each time: WebGPU lets an adapter make one device only. */
export async function openAdapter({ adapter: wanted, powerPreference }: AdapterOptions): Promise<OpenedAdapter> {
  const page = globalThis as { isSecureContext?: boolean; navigator?: { gpu?: GPU } };
  // Insecure pages have no navigator.gpu either: say the cause, not the symptom.
  if (page.isSecureContext === false) throw new NoAdapterError('createEngine: WebGPU needs https or localhost.');
  const gpu = page.navigator?.gpu;
  if (!gpu) throw new NoAdapterError('createEngine: this browser has no WebGPU (navigator.gpu is missing).');
  const adapter = await gpu.requestAdapter({ powerPreference, forceFallbackAdapter: wanted === 'software' });
  if (!adapter)
    throw new NoAdapterError(
      `createEngine: this browser gives no ${wanted === 'auto' ? '' : `${wanted} `}WebGPU adapter; ` +
        'update the browser and the GPU driver, or look at chrome://gpu or about:support.',
    );
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = [description || vendor, architecture].filter(Boolean).join(' ') || 'an adapter without a name';
  if (wanted === 'hardware' && isFallbackAdapter)
    throw new NoAdapterError(
      `createEngine: adapter = "hardware", but this browser has only ${name}, which is software.`,
    );
  const note = isFallbackAdapter
    ? `${name}, software in the browser; hardware acceleration turned on in its settings is faster`
    : `${name}, through the browser`;
  return { adapter, source: 'browser', note };
}
