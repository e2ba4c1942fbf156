import { collectGarbage } from '#platform';
import { type GramianError, KernelError } from './errors.ts';
import type { KernelSource, Tuning } from './kernel.ts';
import { inTextures, type Linked, linkKernel } from './link.ts';

/** A compiled kernel with its one bind group layout: the parameters first, at a dynamic offset, then the buffers. */
export interface Pipeline {
  readonly id: number;
  readonly kernel: KernelSource;
  readonly tuning: Tuning;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Why it does not compile, as soon as the GPU has said so. */
  failure: KernelError | null;
}

const COMPUTE_STAGE = 4; // GPUShaderStage.COMPUTE

/** Compiles each kernel once for each tuning that is asked for. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #onError: (error: GramianError) => void;
  /** By kernel: a few tunings each, found faster than a key that spells them out. */
  readonly #forms = new Map<string, Pipeline[]>();
  readonly #unroll: boolean;
  #made = 0;
  #reports: Promise<void> = Promise.resolve();

  constructor(device: GPUDevice, unroll: boolean, onError: (error: GramianError) => void) {
    this.#device = device;
    this.#unroll = unroll;
    this.#onError = onError;
  }

  get(kernel: KernelSource, tuning: Tuning = {}): Pipeline {
    const forms = listed(this.#forms, kernel.key ?? kernel.name, () => [] as Pipeline[]);
    for (const form of forms) if (equal(form.tuning, tuning)) return form;
    const pipeline = this.#compile(kernel, { ...tuning }, forms);
    forms.push(pipeline);
    return pipeline;
  }

  #compile(kernel: KernelSource, tuning: Tuning, forms: Pipeline[]): Pipeline {
    const device = this.#device;
    const linked = linkKernel(kernel, tuning, this.#unroll);
    const label = `gramian ${kernel.name}`;
    // One synchronous block between push and pop: a scope held over an await swaps errors with other tasks.
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: linked.code, label });
    const layout = device.createBindGroupLayout({
      label,
      entries: [
        {
          binding: kernel.params.binding,
          visibility: COMPUTE_STAGE,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: kernel.params.bytes },
        },
        ...kernel.buffers.map(({ binding, name, access }) => ({
          binding,
          visibility: COMPUTE_STAGE,
          ...(inTextures(tuning, name)
            ? { storageTexture: { access: 'read-only' as const, format: 'rgba32float' as const } }
            : { buffer: { type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const) } }),
        })),
      ],
    });
    const pipeline = device.createComputePipeline({
      label,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: kernel.entryPoint ?? 'main', constants: kernel.constants },
    });
    const failed = device.popErrorScope();
    const made: Pipeline = { id: this.#made++, kernel, tuning, pipeline, layout, failure: null };
    // The next call is told again.
    const forget = () => void forms.splice(forms.indexOf(made), 1);
    this.#reports = Promise.all([this.#reports, this.#report(made, linked, module, failed, forget)]).then(() => {});
    return made;
  }

  /** Resolves when every compilation so far has said what it had to say. */
  settled(): Promise<void> {
    return this.#reports;
  }

  async #report(
    made: Pipeline,
    linked: Linked,
    module: GPUShaderModule,
    failed: Promise<GPUError | null>,
    forget: () => void,
  ): Promise<void> {
    try {
      const error = await failed;
      if (!error) return;
      forget();
      const { messages } = await module.getCompilationInfo();
      const first = messages.find((message) => message.type === 'error');
      made.failure = new KernelError(
        first
          ? linked.explain(first.lineNum, first.linePos, first.message)
          : `${made.kernel.name}: does not compile: ${error.message.split('\n', 1)[0]}`,
      );
      this.#onError(made.failure);
    } catch {
      // The device was lost meanwhile; its own log says so.
    }
  }
}

/** A buffer range bound to a kernel's buffer of that name. */
export interface Binding<Of = GPUBuffer> {
  readonly buffer: Of;
  readonly offset: number;
  readonly bytes: number;
}

/** A binding, or a texture in the place of a buffer. */
export type Bindable = Binding<GPUBuffer | GPUTexture>;

interface Bound {
  readonly pipeline: Pipeline;
  readonly bindings: readonly Bindable[];
  readonly group: GPUBindGroup;
}

/** @param bindings in the order of the kernel's buffers */
export function groupOf(
  device: GPUDevice,
  { kernel, layout }: Pipeline,
  params: GPUBuffer,
  bindings: readonly Bindable[],
): GPUBindGroup {
  const resource = ({ buffer, offset, bytes }: Bindable): GPUBindingResource =>
    'createView' in buffer ? buffer.createView() : { buffer, offset, size: bytes };
  return device.createBindGroup({
    label: `gramian ${kernel.name}`,
    layout,
    entries: [
      {
        binding: kernel.params.binding,
        resource: resource({ buffer: params, offset: 0, bytes: kernel.params.bytes }),
      },
      ...kernel.buffers.map(({ binding }, i) => ({ binding, resource: resource(bindings[i]) })),
    ],
  });
}

const MOST_DROPPED = 8192;
let dropped = 0;

/**
 * Told of bind groups that nobody holds any more. WebGPU has no way to destroy them: the driver keeps each until its handle is
 * collected, and keeps mappings of memory for each, of which a process has a limited number.
 */
export function droppedGroups(count: number): void {
  dropped += count;
  if (dropped < MOST_DROPPED) return;
  dropped = 0;
  collectGarbage();
}

/** Bind groups by pipeline and buffer ranges; a training step asks for the same ones again and again. */
export class BindGroupCache {
  static readonly #LIMIT = 8192; // foreign buffers come and go: start afresh rather than grow for ever
  readonly #device: GPUDevice;
  readonly #ids = new WeakMap<Bindable['buffer'], number>();
  /** By a hash of what is bound: a key spelt out costs more than all else of a launch. */
  readonly #groups = new Map<number, Bound[]>();
  readonly #hashesOf = new Map<number, Set<number>>();
  #size = 0;
  #nextId = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(pipeline: Pipeline, params: GPUBuffer, bindings: readonly Bindable[]): GPUBindGroup {
    let hash = pipeline.id;
    for (const { buffer, offset, bytes } of bindings) {
      hash = Math.imul(hash ^ this.#idOf(buffer), 0x01000193);
      hash = Math.imul(hash ^ (offset + 7 * bytes), 0x01000193);
    }
    const known = this.#groups
      .get(hash)
      ?.find((bound) => bound.pipeline === pipeline && same(bound.bindings, bindings));
    if (known) return known.group;
    if (this.#size >= BindGroupCache.#LIMIT) {
      this.#groups.clear();
      this.#hashesOf.clear();
      droppedGroups(this.#size);
      this.#size = 0;
    }
    const group = groupOf(this.#device, pipeline, params, bindings);
    const own = bindings.map(({ buffer, offset, bytes }) => ({ buffer, offset, bytes }));
    listed(this.#groups, hash, () => []).push({ pipeline, bindings: own, group });
    this.#size++;
    for (const { buffer } of own) listed(this.#hashesOf, this.#idOf(buffer), () => new Set<number>()).add(hash);
    return group;
  }

  /** Lets go of every group that names a buffer about to be destroyed. */
  forget(buffer: Bindable['buffer']): void {
    const id = this.#idOf(buffer);
    let gone = 0;
    for (const hash of this.#hashesOf.get(id) ?? []) {
      const bucket = this.#groups.get(hash) ?? [];
      const left = bucket.filter(({ bindings }) => !bindings.some((binding) => binding.buffer === buffer));
      this.#size -= bucket.length - left.length;
      gone += bucket.length - left.length;
      if (left.length > 0) this.#groups.set(hash, left);
      else this.#groups.delete(hash);
      this.#unlist(hash, bucket, left);
    }
    this.#hashesOf.delete(id);
    droppedGroups(gone);
  }

  /** Buffers of groups that are gone name their hash no longer, unless a group that is left does. */
  #unlist(hash: number, bucket: readonly Bound[], left: readonly Bound[]): void {
    const named = new Set(left.flatMap(({ bindings }) => bindings.map(({ buffer }) => buffer)));
    for (const { bindings } of bucket)
      for (const { buffer } of bindings) {
        if (named.has(buffer)) continue;
        const id = this.#idOf(buffer);
        const hashes = this.#hashesOf.get(id);
        hashes?.delete(hash);
        if (hashes?.size === 0) this.#hashesOf.delete(id);
      }
  }

  #idOf(buffer: Bindable['buffer']): number {
    let id = this.#ids.get(buffer);
    if (id === undefined) {
      id = this.#nextId++;
      this.#ids.set(buffer, id);
    }
    return id;
  }
}

function same(a: readonly Bindable[], b: readonly Bindable[]): boolean {
  for (let i = 0; i < a.length; i++)
    if (a[i].buffer !== b[i].buffer || a[i].offset !== b[i].offset || a[i].bytes !== b[i].bytes) return false;
  return true;
}

function equal(a: Tuning, b: Tuning): boolean {
  const names = Object.keys(b);
  for (const name of names) if (a[name] !== b[name]) return false;
  return names.length === Object.keys(a).length;
}

/** The value of a key, made where there is none. */
function listed<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known) return known;
  const made = make();
  map.set(key, made);
  return made;
}
