#!/usr/bin/env bash
# (1.0 + x) - 1.0 is x on SwiftShader through Dawn (npm webgpu 0.6.2, SwiftShader of @sparticuz/chromium 153.0.0) where the 1 is a
# literal, and 0 where it comes through a buffer. WGSL lets implementations reorder sums; one would guess that a compiler does it
# alike for both, or not at all: so the textbook log1p, log(u) x / (u - 1) with u = 1 + x, is twice too large for x = 6e-8, and a
# test of it whose 1 is an argument passes.
#
# Seen (Node 20.20.2, 2026-11-30):
#   webgpu 0.6.2, SwiftShader driver 5.0.0
#   x = 1e-8: (1.0 + x) - 1.0 = 9.99999993922529e-9, (one + x) - one = 0; log1p(6e-8) by the textbook = 1.1921e-7
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error --ignore-scripts webgpu@0.6.2 @sparticuz/chromium@153.0.0 >/dev/null
# SwiftShader and a Vulkan loader, as the second package carries them.
node -e "process.stdout.write(zlib.brotliDecompressSync(fs.readFileSync('node_modules/@sparticuz/chromium/bin/swiftshader.tar.br')))" | tar -x
export LD_LIBRARY_PATH=$folder VK_DRIVER_FILES=$folder/vk_swiftshader_icd.json VK_ICD_FILENAMES=$folder/vk_swiftshader_icd.json

cat > ask.mjs <<'PROGRAM'
import { create, globals } from 'webgpu';
Object.assign(globalThis, globals);
const gpu = create([]);
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice();
// Numbers go in and come out through buffers.
async function ask(code, numbers) {
  const module = device.createShaderModule({ code: `@group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>; ${code}` });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const x = device.createBuffer({ size: 64, usage: STORAGE | COPY_DST });
  const y = device.createBuffer({ size: 64, usage: STORAGE | COPY_SRC });
  const read = device.createBuffer({ size: 64, usage: COPY_DST | MAP_READ });
  device.queue.writeBuffer(x, 0, new Float32Array(numbers));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [x, y].map((buffer, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(y, 0, read, 0, 64);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  return new Float32Array(read.getMappedRange().slice(0));
}
const y = await ask(`@compute @workgroup_size(1) fn main() {
  let small = x[0]; let one = x[1]; let u = 1.0 + x[2];
  y[0] = (1.0 + small) - 1.0;
  y[1] = (one + small) - one;
  y[2] = log(u) * x[2] / (u - 1.0); }`, [1e-8, 1, 6e-8]);
console.log(`webgpu 0.6.2, ${adapter.info.description}`);
console.log(`x = 1e-8: (1.0 + x) - 1.0 = ${y[0]}, (one + x) - one = ${y[1]}; log1p(6e-8) by the textbook = ${y[2].toPrecision(5)}`);
const seen = y[0] === Math.fround(1e-8) && y[1] === 0 && y[2] > 1e-7;
process.exit(seen ? 0 : 1);
PROGRAM
node ask.mjs
