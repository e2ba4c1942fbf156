import * as check from '../core/check.ts';
import { copy, fillBits, type Launcher } from '../core/fills.ts';
import { Plan } from '../engine/plan.ts';
import type { Storage } from '../gpu/buffers.ts';
import { declarationsOf, elementOf } from '../gpu/declarations.ts';
import { Device } from '../gpu/device.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import type { Launch } from '../gpu/launch.ts';

const CANARY = 0x5a5a5a00; // and the number of the buffer: what is copied along from another one shows
const BYTES = 256;

/** Of a tail and what it begins in, as it can be bound: at a multiple of 256 bytes. */
const BOUND = 2 * BYTES;
const TAILS = 512;

interface Watched {
  readonly kernel: string;
  readonly buffer: string;
  readonly canary: number;
  /** Words before the tail in what is bound. */
  readonly before: number;
}

/** What stands behind the buffers of many launches, gathered on the GPU: reading each by itself would take a submit each. */
class Tails {
  readonly #device: Device;
  readonly #by: Launcher;
  #gathered: Storage | null = null;
  #watched: Watched[] = [];
  readonly #read: Promise<void>[] = [];

  constructor(device: Device, by: Launcher) {
    this.#device = device;
    this.#by = by;
  }

  add(kernel: string, buffer: string, canary: number, copied: Storage, end: number): void {
    this.#gathered ??= this.#device.pool.acquire(TAILS * BOUND, 'canaries');
    const from = Math.floor(end / BYTES) * BYTES;
    const to = this.#gathered.range(this.#watched.length * BOUND, BOUND);
    copy(this.#by, { storage: copied.range(from, BOUND), size: BOUND / 4 }, { storage: to, size: BOUND / 4 });
    this.#watched.push({ kernel, buffer, canary, before: (end - from) / 4 });
    if (this.#watched.length === TAILS) this.#look();
  }

  /** Rejects with the first kernel that wrote there. */
  async end(): Promise<void> {
    this.#look();
    for (const read of this.#read) await read;
  }

  #look(): void {
    const [gathered, watched] = [this.#gathered, this.#watched];
    if (!gathered) return;
    this.#gathered = null;
    this.#watched = [];
    const read = this.#device.read('canaries', gathered, watched.length * BOUND).then((bytes) => {
      for (const [i, { kernel, buffer, canary, before }] of watched.entries())
        if (new Uint32Array(bytes, i * BOUND + 4 * before, BYTES / 4).some((word) => word !== canary))
          check.fail('canaries', `${kernel} wrote past the end of ${buffer}.`);
    });
    read.catch(() => {}).finally(() => gathered.release());
    this.#read.push(read);
  }
}

/**
 * Runs `fn` with every buffer of every kernel that it launches followed by numbers that nobody may write. Rejects with the first kernel
 * that did. Adapters let a write past the end fall on the last element, or nowhere: results may be right all the same. Calls
 * of recorded steps are looked at as well; `encode()` of a plan, whose launches go into an encoder of yours, is refused.
 */
export async function canaries(fn: () => unknown): Promise<void> {
  const op = 'canaries';
  check.callback(op, 'fn', fn);
  const tails = new Map<Device, Tails>();
  const before = Device.intercept;
  Device.intercept = (device, launch) => {
    Device.intercept = before;
    try {
      const by: Launcher = { info: device.info, fail: check.fail, run: (of, how) => device.run(of, how) };
      const own = tails.get(device) ?? new Tails(device, by);
      tails.set(device, own);
      launchCopies(device, by, launch, own);
    } finally {
      Device.intercept = intercept;
    }
  };
  const { intercept } = Device;
  const { encode } = Plan.prototype;
  Plan.prototype.encode = () =>
    check.fail('encode', 'called inside of canaries(), which sees nothing of your encoder, expected a call outside.');
  try {
    check.called(op, 'fn', fn);
  } finally {
    Device.intercept = before;
    Plan.prototype.encode = encode;
  }
  for (const own of tails.values()) await own.end();
}

/** The launch on copies, each of which has the canaries behind it. */
function launchCopies(device: Device, by: Launcher, launch: Launch, tails: Tails): void {
  const { kernel, pipeline } = launch;
  const params = launch.params.slice();
  const storages = [...launch.storages];
  const { longer, names } = withShorterLengths(kernel);
  const behind: { name: string; own: Storage; copied: Storage; written: boolean; canary: number }[] = [];
  for (const [i, { name, access }] of kernel.buffers.entries()) {
    const canary = CANARY + i;
    const { alive, buffer, offset, bytes } = storages[i];
    // Iterations of a loop are bound before what they use is released.
    const own = alive ? storages[i] : device.pool.wrap(buffer, offset, bytes);
    if (!names.has(name)) continue;
    const copied = device.pool.acquire(own.bytes + BOUND, 'canaries');
    fillBits(by, copied, (own.bytes + BOUND) / 4, canary);
    copy(by, { storage: own, size: own.bytes / 4 }, { storage: copied.range(0, own.bytes), size: own.bytes / 4 });
    storages[i] = copied.range(0, own.bytes + BYTES);
    behind.push({ name, own, copied, written: access === 'read_write', canary });
  }
  device.launch({ ...launch, params, storages, pipeline: device.pipeline(longer, pipeline.tuning), group: null });
  for (const { slot } of storages) if (slot) slot.usedAt = device.queue.current;
  for (const { name, own, copied, written, canary } of behind) {
    if (written) {
      copy(by, { storage: copied.range(0, own.bytes), size: own.bytes / 4 }, { storage: own, size: own.bytes / 4 });
      tails.add(kernel.name, name, canary, copied, own.bytes);
    }
    copied.release();
  }
}

/** The kernel with arrayLength() as it was, and the buffers that may grow without its notice. */
function withShorterLengths(kernel: KernelSource): { longer: KernelSource; names: Set<string> } {
  const names = new Set(kernel.buffers.map(({ name }) => name));
  const all = kernel.parts.map(({ text }) => text).join('\n');
  if (!all.includes('arrayLength')) return { longer: kernel, names };
  const elements = new Map(declarationsOf(all).buffers.map(({ name, type }) => [name, elementOf(type)]));
  for (const name of names) {
    const element = elements.get(name);
    if (element?.count !== null || BYTES % element.bytes !== 0) names.delete(name);
  }
  const parts = kernel.parts.map((part) => ({
    ...part,
    text: part.text.replace(/\barrayLength\s*\(\s*&\s*(\w+)\s*\)/g, (call, name) =>
      names.has(name) ? `(${call} - ${BYTES / (elements.get(name)?.bytes ?? 4)}u)` : call,
    ),
  }));
  return { longer: { ...kernel, key: `${kernel.key ?? kernel.name} canaries`, parts }, names };
}
