import { USAGE } from './buffers.ts';
import { NoRoomError } from './errors.ts';

const KEPT = 4;
const LARGEST_KEPT = 2 ** 22; // bytes

/** Copies ranges to the CPU. Keeps a few mappable buffers, since mapping a fresh one costs more than a copy. */
export class Readback {
  readonly #device: GPUDevice;
  readonly #idle: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The bytes as they are after all work submitted so far. */
  async read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const device = this.#device;
    const size = Math.ceil(bytes / 4) * 4;
    device.pushErrorScope('out-of-memory');
    const staging = this.#take(size);
    // A refused copy leaves other numbers in the staging buffer, which must not pass for these.
    device.pushErrorScope('validation');
    const encoder = device.createCommandEncoder({ label: 'gramian read' });
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    const mapped = staging.mapAsync(USAGE.MAP_READ, 0, size);
    const [refused, full] = [device.popErrorScope(), device.popErrorScope()];
    try {
      const [map, ...errors] = await Promise.allSettled([mapped, full, refused]);
      const [noRoom, wrong] = errors.map((answer) => (answer.status === 'fulfilled' ? answer.value : null));
      if (noRoom) throw new NoRoomError(noRoom.message);
      if (wrong) throw new Error(wrong.message);
      if (map.status === 'rejected') throw map.reason;
      const result = staging.getMappedRange(0, size).slice(0, bytes);
      staging.unmap();
      this.#keep(staging);
      return result;
    } catch (error) {
      staging.destroy();
      throw error;
    }
  }

  destroy(): void {
    for (const buffer of this.#idle.splice(0)) buffer.destroy();
  }

  #take(size: number): GPUBuffer {
    const at = this.#idle.findIndex((buffer) => buffer.size >= size);
    if (at >= 0) return this.#idle.splice(at, 1)[0];
    const roomy = size > LARGEST_KEPT ? size : 2 ** Math.ceil(Math.log2(Math.max(size, 4096)));
    return this.#device.createBuffer({ size: roomy, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  }

  /** The smallest first, so that a small read does not take the large one; the smallest goes where there are too many. */
  #keep(buffer: GPUBuffer): void {
    if (buffer.size > LARGEST_KEPT) return buffer.destroy();
    this.#idle.push(buffer);
    this.#idle.sort((a, b) => a.size - b.size);
    if (this.#idle.length > KEPT) this.#idle.shift()?.destroy();
  }
}
