import type { Storage } from './buffers.ts';
import { formatBytes, OutOfMemoryError } from './errors.ts';
import type { Failure } from './failures.ts';
import type { Copied, Launch, Rectangle } from './launch.ts';
import type { Bindable } from './pipelines.ts';

/** Floats of a texel. */
const TEXEL = 4;
const BYTES = 4 * TEXEL;
/** Rows that lie a power of two apart would share one set of a CPU's cache: 5 to 15 % of a product's time. */
const SPARE = 4;
const USAGE = 2 | 8; // COPY_DST, STORAGE_BINDING
const MOST = 16; // a training step has operands of a dozen sizes: with 4 it made ten textures anew each time

/** Whether a device of this extent at most can copy it: whole texels, and rows where a copy may find them. */
export function copyable({ at, stride, width, rows }: Rectangle, extent: number): boolean {
  const aligned = at % TEXEL === 0 && width % TEXEL === 0 && (stride % 64 === 0 || rows === 1);
  return aligned && width / TEXEL + SPARE <= extent && rows <= extent;
}

/** What textures need to know of the device around them. */
export interface TextureHost {
  /** Caches that name a texture let it go. */
  readonly onForget: (texture: GPUTexture) => void;
  readonly onOutOfMemory: (error: OutOfMemoryError) => Failure;
}

/** A texture, and what it is a copy of while that is known. */
interface Copy {
  readonly texture: GPUTexture;
  readonly width: number;
  readonly rows: number;
  of: { readonly buffer: GPUBuffer; readonly start: number; readonly from: Rectangle } | null;
  /** Counts copies that were asked for. */
  usedAt: number;
}

/**
 * Textures that operands are copied to right before the launches that read them: lavapipe reads a texture by vectors, a buffer lane
 * by lane. Some, used by turns; what they hold is known within a submit, in which nobody else writes.
 */
export class OperandTextures {
  readonly #device: GPUDevice;
  readonly #host: TextureHost;
  readonly #copies: Copy[] = [];
  #gone: GPUTexture[] = [];
  #asked = 0;

  /** Resolves when the GPU has said of every texture so far whether there is room. */
  settled: Promise<void> = Promise.resolve();
  #failure: Failure | null = null;

  constructor(device: GPUDevice, host: TextureHost) {
    this.#device = device;
    this.#host = host;
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return this.#copies.reduce((total, { width, rows }) => total + BYTES * width * rows, 0);
  }

  /** What the launch binds, with copies in the places of buffers. @param encoder asked for where something is to be copied */
  bindings({ kernel, storages }: Launch, copied: Copied, encoder: () => GPUCommandEncoder): Bindable[] {
    const first = this.#asked + 1;
    return kernel.buffers.map(({ name }, i) => {
      const from = copied[name];
      return from ? this.#copyOf(storages[i], from, first, encoder) : storages[i];
    });
  }

  /** The launch changes what copies are of. */
  wrote({ kernel, storages }: Launch): void {
    for (const copy of this.#copies)
      kernel.buffers.forEach(({ access }, i) => {
        if (access === 'read_write' && storages[i].buffer === copy.of?.buffer) copy.of = null;
      });
  }

  /** A submit is made: after it, anybody may write. */
  submitted(): void {
    for (const copy of this.#copies) copy.of = null;
    for (const texture of this.#gone) texture.destroy();
    this.#gone = [];
  }

  destroy(): void {
    for (const copy of this.#copies.splice(0)) this.#leave(copy);
    this.submitted();
  }

  #copyOf(
    { buffer, offset, what }: Storage,
    from: Rectangle,
    first: number,
    encoder: () => GPUCommandEncoder,
  ): Bindable {
    const start = offset + 4 * from.at;
    const width = from.width / TEXEL;
    let copy = this.#copies.find(({ of }) => of?.buffer === buffer && of.start === start && same(of.from, from));
    if (!copy) {
      copy = this.#room(width + SPARE, from.rows, first, what);
      copy.of = { buffer, start, from };
      encoder().copyBufferToTexture(
        { buffer, offset: start, bytesPerRow: 4 * from.stride, rowsPerImage: from.rows },
        { texture: copy.texture },
        [width, from.rows],
      );
    }
    copy.usedAt = ++this.#asked;
    return { buffer: copy.texture, offset: 0, bytes: 0 };
  }

  /** A texture of this size at least that the launch whose copies are counted from `first` does not use yet. */
  #room(width: number, rows: number, first: number, what: string): Copy {
    const free = this.#copies.filter(({ usedAt }) => usedAt < first).sort((a, b) => a.usedAt - b.usedAt);
    const fitting = free
      .filter((copy) => copy.width >= width && copy.rows >= rows)
      .sort((a, b) => a.width * a.rows - b.width * b.rows);
    const full = this.#copies.length >= MOST;
    const found = fitting.find(({ of }) => of === null) ?? (full ? fitting[0] : undefined);
    if (found) return found;
    if (full) {
      this.#copies.splice(this.#copies.indexOf(free[0]), 1);
      this.#leave(free[0]);
    }
    const made = { texture: this.#make(width, rows, what), width, rows, of: null, usedAt: 0 };
    this.#copies.push(made);
    return made;
  }

  #make(width: number, rows: number, what: string): GPUTexture {
    this.#device.pushErrorScope('out-of-memory');
    const texture = this.#device.createTexture({
      label: 'gramian operand',
      size: [width, rows],
      format: 'rgba32float',
      usage: USAGE,
    });
    const failed = this.#device.popErrorScope().catch(() => null); // the device is gone: its own log says so
    const settle = async (): Promise<void> => {
      if (!(await failed)) return;
      const at = this.#copies.findIndex((copy) => copy.texture === texture);
      if (at >= 0) this.#leave(this.#copies.splice(at, 1)[0]);
      this.#failure = this.#host.onOutOfMemory(
        new OutOfMemoryError(
          `${what}: the GPU has no room for ${formatBytes(BYTES * width * rows)}, a copy of an operand; dispose() of tensors first.`,
        ),
      );
    };
    this.settled = Promise.all([this.settled, settle()]).then(() => {});
    return texture;
  }

  /** Why a submit may have been refused; told once. */
  takeFailure(): Failure | null {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  /** What is encoded may name it. */
  #leave({ texture }: Copy): void {
    this.#host.onForget(texture);
    this.#gone.push(texture);
  }
}

function same(a: Rectangle, b: Rectangle): boolean {
  return a.at === b.at && a.stride === b.stride && a.width === b.width && a.rows === b.rows;
}

/**
 * Asked of lavapipe alone, with eight lanes, which fill one vector of its: of other widths its textures are slow or, at 16, wrong.
 * wgpu may refuse kernels that read what others may write.
 */
export async function supportedEdge(gpu: GPUDevice): Promise<number> {
  gpu.pushErrorScope('validation');
  gpu.createBindGroupLayout({
    entries: [{ binding: 0, visibility: 4, storageTexture: { access: 'read-only', format: 'rgba32float' } }],
  });
  const refused = await gpu.popErrorScope().catch((error: unknown) => error);
  return refused ? 0 : gpu.limits.maxTextureDimension2D;
}
