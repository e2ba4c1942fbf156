import { Storage } from '../gpu/buffers.ts';
import type { LaunchOptions } from '../gpu/device.ts';

/** A Tensor, or what else has its numbers in GPU memory. */
export interface Stored {
  readonly storage: Storage;
}

/** A kernel launch as an op asks for it: tensors or scratch storage for the kernel's buffers, by their WGSL names. */
export interface OpLaunch extends Omit<LaunchOptions, 'buffers' | 'before'> {
  readonly buffers: Readonly<Record<string, Storage | Stored>>;
}

/** The memory behind each of the buffers. */
export function storagesOf(buffers: OpLaunch['buffers']): Record<string, Storage> {
  const storages: Record<string, Storage> = {};
  for (const name in buffers) {
    const buffer = buffers[name];
    storages[name] = buffer instanceof Storage ? buffer : buffer?.storage; // a missing one is named where it is bound
  }
  return storages;
}
