import type { Storage } from '../gpu/buffers.ts';
import type { LaunchOptions } from '../gpu/device.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { accumulate as accumulateKernel, fill as fillKernel, place as placeKernel } from '../gpu/kernels.generated.ts';
import { type Binder, part, ranges } from './chunks.ts';

/** Who launches. */
export interface Launcher extends Binder {
  run(kernel: KernelSource, launch: LaunchOptions): void;
}

export function fillBits(by: Launcher, out: Storage, count: number, bits: number): void {
  for (const range of ranges(by, count)) {
    const buffers = { out: part(out, range) };
    by.run(fillKernel, {
      params: { count: range.count, bits },
      buffers,
      groups: Math.ceil(range.count / 1024),
      work: range.count,
      overwrites: ['out'],
    });
  }
}

/** total += more */
export function accumulate(by: Launcher, total: Storage, more: Storage, count: number): void {
  for (const range of ranges(by, count))
    by.run(accumulateKernel, {
      params: { count: range.count },
      buffers: { total: part(total, range), more: part(more, range) },
      groups: Math.ceil(range.count / 1024),
      work: 2 * range.count,
    });
}

/** into[offset + i] = x[i], counted in floats. */
export function place(by: Launcher, x: Storage, count: number, into: Storage, offset: number, whole: boolean): void {
  by.run(placeKernel, {
    params: { count, offset },
    buffers: { x, out: into },
    groups: Math.ceil(count / 256),
    work: count,
    overwrites: whole ? ['out'] : [],
  });
}

/** into[i] = x[i] */
export function copy(by: Launcher, x: Storage, into: Storage, count: number): void {
  for (const range of ranges(by, count))
    by.run(placeKernel, {
      params: { count: range.count, offset: 0 },
      buffers: { x: part(x, range), out: part(into, range) },
      groups: Math.ceil(range.count / 256),
      work: range.count,
    });
}
