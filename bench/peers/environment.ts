// One Dawn, one adapter and one process for this engine and its peers, and what goes wrong on their devices.
import { openAdapter } from '../../src/gpu/platform.node.ts';

// On globalThis: each peer is bundled on its own, and prototypes may be changed once only.
const KEY = Symbol.for('gramian.bench.peers');
interface Shared {
  readonly troubles: WeakMap<GPUDevice, string>;
  readonly opened: Promise<string>;
}
const holder = globalThis as { [KEY]?: Shared };

/** Makes Node look enough like a browser for the peers, which open devices of their own. @returns the adapter's name */
export function shareAdapter(): Promise<string> {
  holder[KEY] ??= { troubles: new WeakMap(), opened: start() };
  return holder[KEY].opened;
}

async function start(): Promise<string> {
  const { note } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
  const { globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const { gpu } = await (globalThis as unknown as Record<symbol, Promise<{ gpu: GPU }>>)[Symbol.for('gramian.webgpu')];
  // Node 21 and later have a navigator of their own, whose properties can be defined but not assigned.
  if (globalThis.navigator) Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  else
    Object.defineProperty(globalThis, 'navigator', {
      value: { gpu, userAgent: 'node', hardwareConcurrency: 2 },
      configurable: true,
      writable: true,
    });
  watchDevices();
  acceptSharedMemory();
  return note;
}

/**
 * Throws what went wrong on a library's device since the last call. WebGPU reports errors beside the calls that caused
 * them, and none of the peers listens: their results would be zeros.
 */
export async function throwTrouble(library: string, device: GPUDevice): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve)); // errors arrive in a turn of their own
  const trouble = holder[KEY]?.troubles.get(device);
  holder[KEY]?.troubles.delete(device);
  if (trouble) throw new Error(`${library}: ${trouble}`);
}

function watchDevices(): void {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, descriptor?: GPUDeviceDescriptor) {
    const device = await requestDevice.call(this, descriptor);
    const note = (trouble: string): void => {
      const troubles = holder[KEY]?.troubles;
      if (!troubles?.has(device)) troubles?.set(device, trouble.split('\n')[0]);
    };
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      note(event.error.message);
    });
    device.lost.then(({ reason, message }) => reason === 'destroyed' || note(`device lost: ${message}`));
    return device;
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
    const view = ArrayBuffer.isView(data) ? (data as Uint8Array) : new Uint8Array(data);
    const width = view.BYTES_PER_ELEMENT ?? 1; // a DataView counts bytes
    const [first = 0, count = view.byteLength / width - first] = range;
    const copy = new Uint8Array(count * width);
    copy.set(new Uint8Array(memory, view.byteOffset + first * width, count * width));
    return writeBuffer.call(this, buffer, at, copy);
  };
  GPUQueue.prototype.writeBuffer = writeCopy as unknown as GPUQueue['writeBuffer'];
}
