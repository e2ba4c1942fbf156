#!/usr/bin/env bash
# WGSL's tanh of a large finite number is NaN on SwiftShader, the software adapter of Chromium, through Dawn (npm webgpu 0.6.2,
# SwiftShader of @sparticuz/chromium 153.0.0): it is computed as sinh / cosh, both of which overflow above 89. One would guess
# 1, which every library gives: an activation or a GELU with large inputs turns a network into NaN here and nowhere else.
#
# Seen (Node 20.20.2, 2026-11-30):
#   webgpu 0.6.2, SwiftShader driver 5.0.0
#   tanh(10) = 1, tanh(88) = 1, tanh(100) = NaN, tanh(-100) = NaN
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
const numbers = [10, 88, 100, -100];
const y = await ask(`@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] = tanh(x[i]); }`, numbers);
console.log(`webgpu 0.6.2, ${adapter.info.description}`);
console.log(numbers.map((x, i) => `tanh(${x}) = ${y[i]}`).join(', '));
const seen = y[0] === 1 && y[1] === 1 && Number.isNaN(y[2]) && Number.isNaN(y[3]);
process.exit(seen ? 0 : 1);
PROGRAM
node ask.mjs
