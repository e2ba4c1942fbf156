// One Dawn, one adapter and one process for this engine and its peers; what goes wrong on their devices, and what they use.
import { openAdapter } from '../../src/gpu/platform.node.ts';

/** GPU work since `reset`, of all devices of the process together. */
export interface Usage {
  /** Bytes of buffers that are alive now, and at most since `reset`. */
  readonly bytes: number;
  readonly peakBytes: number;
  readonly dispatches: number;
  readonly submits: number;
}

const usage = { bytes: 0, peakBytes: 0, dispatches: 0, submits: 0 };
const troubles = new WeakMap<GPUDevice, string>();
let opened: Promise<string> | null = null;

/** Makes Node look enough like a browser for the peers, which open devices of their own. @returns the adapter's name */
export function shareAdapter(): Promise<string> {
  opened ??= start();
  return opened;
}

async function start(): Promise<string> {
  const { note } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
  const { globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const shared = globalThis as unknown as Record<symbol, Promise<{ gpu: GPU }>>;
  const { gpu } = await shared[Symbol.for('gramian.webgpu')];
  // Node 21 and later have a navigator of their own, whose properties can be defined but not assigned.
  if (globalThis.navigator) Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  else
    Object.defineProperty(globalThis, 'navigator', {
      value: { gpu, userAgent: 'node', hardwareConcurrency: 2 },
      configurable: true,
      writable: true,
    });
  watchDevices();
  countUse();
  acceptSharedMemory();
  return note;
}

/**
 * Throws what went wrong on a library's device since the last call. WebGPU reports errors beside the calls that caused
 * them, and none of the peers listens: their results would be zeros.
 */
export async function throwTrouble(library: string, device: GPUDevice): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve)); // errors arrive in a turn of their own
  const trouble = troubles.get(device);
  troubles.delete(device);
  if (trouble) throw new Error(`${library}: ${trouble}`);
}

/** Counts anew; `peakBytes` starts from what is alive. */
export function resetUsage(): void {
  Object.assign(usage, { peakBytes: usage.bytes, dispatches: 0, submits: 0 });
}

export function readUsage(): Usage {
  return { ...usage };
}

function watchDevices(): void {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, descriptor?: GPUDeviceDescriptor) {
    const device = await requestDevice.call(this, descriptor);
    const note = (trouble: string): void => {
      if (!troubles.has(device)) troubles.set(device, trouble.split('\n')[0]);
    };
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      note(event.error.message);
    });
    device.lost.then(({ reason, message }) => reason === 'destroyed' || note(`device lost: ${message}`));
    return device;
  };
}

function countUse(): void {
  const sizes = new WeakMap<GPUBuffer, number>();
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor: GPUBufferDescriptor) {
    const buffer = createBuffer.call(this, descriptor);
    sizes.set(buffer, descriptor.size);
    usage.bytes += descriptor.size;
    usage.peakBytes = Math.max(usage.peakBytes, usage.bytes);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function (this: GPUBuffer) {
    usage.bytes -= sizes.get(this) ?? 0;
    sizes.delete(this);
    return destroy.call(this);
  };
  for (const method of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect'] as const) {
    const plain = GPUComputePassEncoder.prototype[method] as (...args: unknown[]) => undefined;
    GPUComputePassEncoder.prototype[method] = function (this: GPUComputePassEncoder, ...args: unknown[]) {
      usage.dispatches++;
      return plain.apply(this, args);
    };
  }
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (this: GPUQueue, commands: Iterable<GPUCommandBuffer>) {
    usage.submits++;
    return submit.call(this, commands);
  };
}

/** dawn.node refuses views of a SharedArrayBuffer, which is what the memory of onnxruntime-web's WebAssembly is. */
function acceptSharedMemory(): void {
  const { writeBuffer } = GPUQueue.prototype as unknown as { writeBuffer: (...args: unknown[]) => undefined };
  const writeCopy = function (
    this: GPUQueue,
    buffer: GPUBuffer,
    at: number,
    data: ArrayBufferView | ArrayBufferLike,
    ...range: number[]
  ): undefined {
    const memory = ArrayBuffer.isView(data) ? data.buffer : data;
    if (!(memory instanceof SharedArrayBuffer)) return writeBuffer.call(this, buffer, at, data, ...range);
    const view = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
    const width = (view as Uint8Array).BYTES_PER_ELEMENT ?? 1;
    const [first = 0, count = view.byteLength / width - first] = range;
    const copy = new Uint8Array(memory, view.byteOffset + first * width, count * width).slice();
    const own = new Uint8Array(new ArrayBuffer(copy.length));
    own.set(copy);
    return writeBuffer.call(this, buffer, at, own);
  };
  GPUQueue.prototype.writeBuffer = writeCopy as unknown as GPUQueue['writeBuffer'];
}
