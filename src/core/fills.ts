import type { Storage } from '../gpu/buffers.ts';
import type { LaunchOptions } from '../gpu/device.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { accumulate as accumulateKernel, fill as fillKernel, place as placeKernel } from '../gpu/kernels.generated.ts';
import { type Binder, part, ranges } from './chunks.ts';

// What takes one small kernel of memory's own, and ops of every kind need.

/** Who launches. */
export interface Launcher extends Binder {
  run(kernel: KernelSource, launch: LaunchOptions): void;
}

/** Numbers in GPU memory, such as a Tensor. */
interface Sized {
  readonly storage: Storage;
  readonly size: number;
}

export function fill(by: Launcher, out: Storage, count: number, value: number): void {
  fillBits(by, out, count, new Uint32Array(Float32Array.of(value).buffer)[0]);
}

/** Fills with a bit pattern: a NaN or a u32 would not survive the way through a float. */
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
export function accumulate(by: Launcher, { storage: total, size }: Sized, { storage: more }: Sized): void {
  for (const range of ranges(by, size))
    by.run(accumulateKernel, {
      params: { count: range.count },
      buffers: { total: part(total, range), more: part(more, range) },
      groups: Math.ceil(range.count / 1024),
      work: 2 * range.count,
    });
}

/** into[offset + i] = x[i], counted in numbers. */
export function copyInto(by: Launcher, into: Sized, x: Sized, offset: number): void {
  by.run(placeKernel, {
    params: { count: x.size, offset },
    buffers: { x: x.storage, out: into.storage },
    groups: Math.ceil(x.size / 256),
    work: x.size,
    overwrites: x.size === into.size ? ['out'] : [],
  });
  into.storage.contents.writer = 'a copy into it';
}

/** into[i] = x[i] */
export function copy(by: Launcher, { storage: x, size }: Sized, { storage: into }: Sized): void {
  for (const range of ranges(by, size))
    by.run(placeKernel, {
      params: { count: range.count, offset: 0 },
      buffers: { x: part(x, range), out: part(into, range) },
      groups: Math.ceil(range.count / 256),
      work: range.count,
    });
}
