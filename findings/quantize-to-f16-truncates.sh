#!/usr/bin/env bash
# WGSL's quantizeToF16 truncates where unpack2x16float(pack2x16float()) rounds to nearest, on SwiftShader through Dawn (npm webgpu
# 0.6.2, SwiftShader of @sparticuz/chromium 153.0.0), and so does Dawn's own compiler where the number is a constant, whatever
# the adapter. WGSL notes that both mean the same and allows rounding up or down; one would guess that one library rounds one way:
# weights quantised by it are all a little too small, by twice the error of rounding.
#
# Seen (Node 20.20.2, 2026-11-30):
#   webgpu 0.6.2, SwiftShader driver 5.0.0; 1 + 2^-11 + 2^-13 lies nearest to 1.0009765625
#   quantizeToF16: 1, of a constant: 1, by packing: 1.0009765625
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
  y[0] = quantizeToF16(x[0]);
  const c = quantizeToF16(1.0006103515625);
  y[1] = c;
  y[2] = unpack2x16float(pack2x16float(vec2f(x[0], 0.0))).x; }`, [1 + 2 ** -11 + 2 ** -13]);
console.log(`webgpu 0.6.2, ${adapter.info.description}; 1 + 2^-11 + 2^-13 lies nearest to 1.0009765625`);
console.log(`quantizeToF16: ${y[0]}, of a constant: ${y[1]}, by packing: ${y[2]}`);
const seen = y[0] === 1 && y[1] === 1 && y[2] === 1.0009765625;
process.exit(seen ? 0 : 1);
PROGRAM
node ask.mjs
