import { afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { fillBits } from '../src/core/fills.ts';
import type { Tensor } from '../src/core/tensor.ts';
import { dryRun } from '../src/engine/dryRun.ts';
import type { Engine } from '../src/engine/engine.ts';
import { linkKernel } from '../src/gpu/link.ts';
import { sharedEngine } from './engine.ts';

const POISON = 0x7fc00000; // a NaN, which no sum hides

/** The shared engine; after each test of the file nothing may be left on it: no error, and no buffer. */
export function watchedEngine(): () => Engine {
  let engine: Engine;
  let buffers = 0;
  beforeAll(async () => {
    engine = await sharedEngine();
    // GRAMIAN_TEST_TILES=gpu: the tiles and lanes of a GPU, on an adapter that is none.
    if (process.env.GRAMIAN_TEST_TILES === 'gpu') (engine.info as { software: boolean }).software = false;
  });
  beforeEach(() => {
    buffers = engine.memory().buffers;
  });
  afterEach(async () => {
    await engine.sync(); // throws what went wrong meanwhile
    expect(engine.memory().buffers).toBeLessThanOrEqual(buffers); // what other tests dropped may be collected meanwhile
  });
  return () => engine;
}

const linked = new Set<string>(); // the same kernels come from many ops

/** Fails where `fn` would launch on a GPU what cannot be linked: runs nothing, so any adapter tells. */
export function expectKernelsForGpus(engine: Engine, fn: () => unknown): void {
  const info = engine.info as { software: boolean; subgroup: { size: number; pinned: boolean } | null };
  const { software, subgroup } = info;
  try {
    info.software = false;
    for (const size of [null, 8, 32, 64]) {
      info.subgroup = size === null ? null : { size, pinned: false };
      dryRun(engine, fn, {
        launch: (kernel, { tuning }) => {
          const form = `${kernel.key ?? kernel.name} ${JSON.stringify(tuning)}`;
          if (!linked.has(form)) linkKernel(kernel, tuning);
          linked.add(form);
        },
      });
    }
  } finally {
    info.software = software;
    info.subgroup = subgroup;
  }
}

/** Runs `fn` with every launch cut into submits of one workgroup each. */
export async function oneGroupASubmit<T>(engine: Engine, fn: () => Promise<T>): Promise<T> {
  const { queue } = engine.lowLevel;
  queue.groupsPerSubmit = 1;
  try {
    return await fn();
  } finally {
    queue.groupsPerSubmit = Number.POSITIVE_INFINITY;
  }
}

/** Runs `fn` with every launch of more than one workgroup folded into two dimensions, as only huge ones are. */
export async function folded<T>(engine: Engine, fn: () => Promise<T>): Promise<T> {
  const { queue } = engine.lowLevel;
  const before = queue.foldFrom;
  queue.foldFrom = 1;
  try {
    return await fn();
  } finally {
    queue.foldFrom = before;
  }
}

/** Runs `fn` with every buffer filled with NaN as it goes back to the pool. */
export async function withPoison<T>(engine: Engine, fn: () => Promise<T>): Promise<T> {
  const { pool, queue } = engine.lowLevel;
  pool.trim();
  pool.poison = ({ buffer, slot }) => {
    if (!slot) return;
    fillBits(engine, pool.wrap(buffer, 0, slot.bytes), slot.bytes / 4, POISON);
    slot.usedAt = queue.current; // an upload must not overtake the fill
  };
  try {
    return await fn();
  } finally {
    pool.poison = null;
    pool.trim();
  }
}

/** Runs `fn` as on an adapter that binds no more than `bytes`. */
export async function withBindingLimit<T>(engine: Engine, bytes: number, fn: () => Promise<T>): Promise<T> {
  const { lowLevel } = engine;
  const before = lowLevel.info.limits.maxStorageBufferBindingSize;
  lowLevel.limitBindings(bytes);
  try {
    return await fn();
  } finally {
    lowLevel.limitBindings(before);
  }
}

/** The bits behind a pooled tensor's numbers, up to the end of its buffer: they are nobody's to write. */
export async function slack(engine: Engine, tensor: Tensor): Promise<Set<number>> {
  const { slot, buffer } = tensor.storage;
  if (!slot) return new Set();
  const bytes = await engine.lowLevel.read('slack', engine.lowLevel.pool.wrap(buffer, 0, slot.bytes), slot.bytes);
  return new Set(new Uint32Array(bytes).subarray(tensor.size));
}

/** Untouched: as the poison left it, or as WebGPU makes buffers. */
export function untouched(bits: Set<number>): boolean {
  return bits.size <= 1 && [...bits].every((value) => value === POISON || value === 0);
}
