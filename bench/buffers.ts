import { USAGE } from '../src/gpu/buffers.ts';

/** A storage buffer with these numbers. */
export function upload(device: GPUDevice, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer {
  const buffer = allocate(device, data.length);
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

/** A storage buffer of so many numbers of four bytes. */
export function allocate(device: GPUDevice, length: number): GPUBuffer {
  const { STORAGE, COPY_SRC, COPY_DST } = USAGE;
  return device.createBuffer({ size: Math.max(16, 4 * length), usage: STORAGE | COPY_SRC | COPY_DST });
}

export async function download(device: GPUDevice, buffer: GPUBuffer, length: number): Promise<Float32Array> {
  const staging = device.createBuffer({ size: 4 * length, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, 4 * length);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1 /* GPUMapMode.READ */);
  const data = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return data;
}
